"""The saga of a request for rooms: its data, its messages, its table."""
