"""The page about the platform itself."""
