"""How rates change with instances and with bookings in the database."""
