"""Other dates for a booking: the data of the saga, its messages, its table."""
