"""WATI: the sender."""
