"""A booking that moves to other nights: its new rooms found, kept or dropped."""
