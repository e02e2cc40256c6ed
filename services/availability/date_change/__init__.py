"""A change of a booking's dates: rooms are held on the new nights, then kept or dropped."""
