"""Sending: a delivery's states, its attempts, and the rates that are watched."""
