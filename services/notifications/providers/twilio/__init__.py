"""Twilio: the sender."""
