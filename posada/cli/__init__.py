"""The commands, one a file in a folder by subject; each has `register(app)`."""
