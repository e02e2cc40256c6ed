"""Calls to external systems under a lease: claimed, made outside any transaction, tried again, and ended for sure."""
