"""The end of a booking before its guests came: its data, its messages, its table."""
