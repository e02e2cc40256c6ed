"""Bookings through the whole system: the hot path, its floor and its costs."""
