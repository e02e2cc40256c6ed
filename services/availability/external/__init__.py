"""Rooms that an external system keeps: looked at, booked and cancelled there."""
