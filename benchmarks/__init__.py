"""Speed as ratios: what Statewright does, against floors measured in the same run on the same machine."""
