"""Webhooks of chat providers: who may call, and what a call says. Nothing but api.py does I/O."""
