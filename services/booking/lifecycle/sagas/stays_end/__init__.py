"""The end of single stays of a booking that keeps others: its data, its messages, its table."""
