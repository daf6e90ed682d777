"""The page about the entities that belong together."""
