"""The page about one entity."""
