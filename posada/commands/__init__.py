"""The commands, one a file; each has `register(app)`."""
