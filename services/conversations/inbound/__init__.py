"""Webhooks of chat providers over HTTP: a message is stored before its provider is answered."""
