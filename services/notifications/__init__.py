"""Notifications: tells people, on the channel that they use, in their language, once."""
