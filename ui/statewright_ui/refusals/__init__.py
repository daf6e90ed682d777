"""The page about what was refused."""
