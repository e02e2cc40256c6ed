"""Booking's sagas, one a file: its data, its messages, its table."""
