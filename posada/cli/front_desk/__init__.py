"""Commands about bookings, rooms, money and messages."""
