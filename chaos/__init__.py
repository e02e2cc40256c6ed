"""A storm over the whole cluster: bookings go on while everything around them is killed, frozen, cut and repeated."""
