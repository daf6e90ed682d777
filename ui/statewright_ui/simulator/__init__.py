"""Stepping through a definition by hand."""
