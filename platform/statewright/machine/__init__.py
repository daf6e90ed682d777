"""The pure part: what a definition says, what an event does to an entity, and why it may not. No clock, no I/O."""
