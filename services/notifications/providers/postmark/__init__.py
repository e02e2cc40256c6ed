"""Postmark: the sender."""
