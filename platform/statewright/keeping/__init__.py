"""Keeping a log for years: seals that prove it whole, verification, backups, and the way from one engine to another."""
