"""Threads: which contact, which booking, which thread a message goes to."""
