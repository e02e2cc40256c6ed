"""Exotel: the sender."""
