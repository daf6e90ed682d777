"""The first page: every entity type at a glance."""
