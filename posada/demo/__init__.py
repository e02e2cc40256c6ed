"""The demo: a scripted day in a town of its own, told as it happens and checked at its end."""
