"""The demo: a scripted day in a cluster of its own, printed as it happens and checked at its end."""
