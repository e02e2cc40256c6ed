"""Availability: how many rooms of each type are free; holds, books and releases them, and knows their prices."""
