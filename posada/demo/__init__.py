"""The demo: a scripted day in a cluster of its own, told as it happens and checked at its end."""
