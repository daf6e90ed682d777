"""The pages about definitions."""
