"""The frame around every page, and what all of them lean on."""
