"""Delivery reports of providers: proved, read and noted."""
