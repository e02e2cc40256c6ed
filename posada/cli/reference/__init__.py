"""Commands that print what the code declares."""
