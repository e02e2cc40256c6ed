"""Booking: runs the multi-room saga and owns a booking's life, from request to checkout."""
