"""Saved views: lists of entities under a name."""
