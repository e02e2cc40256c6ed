"""Clients of providers that several services use, and how their webhooks prove where they come from."""
