"""Rooms of our own: free rooms counted, held, booked and released."""
