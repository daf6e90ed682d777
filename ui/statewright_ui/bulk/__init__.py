"""Bulk events: one event sent to many entities, after a preview."""
