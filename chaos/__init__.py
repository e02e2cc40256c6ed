"""A storm over the whole town: bookings go on while everything around them is killed, frozen, cut and repeated."""
