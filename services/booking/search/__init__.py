"""Bookings listed and searched, for reading."""
