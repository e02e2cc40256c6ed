"""Providers that replies leave by, and where providers keep conversations of their own."""
