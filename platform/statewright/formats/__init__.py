"""Definitions in the notations of other tools, as text."""
