"""The sagas of a confirmed booking, one a file: its data, its messages, its table."""
