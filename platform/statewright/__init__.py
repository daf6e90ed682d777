"""Statewright keeps the lives of business entities: definitions, decisions, an append-only log, and views of it."""
