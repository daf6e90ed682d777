"""The contracts a plugin must keep, as functions: one promise each, and nothing of any test framework in them."""
