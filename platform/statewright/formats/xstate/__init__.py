"""XState machine JSON, read and written: versions 5 and 6, and what is left of 4."""
