"""ManyChat: the sender."""
