"""Gupshup: the sender."""
