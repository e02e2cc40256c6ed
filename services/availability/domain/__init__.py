"""Availability's rules: pure and synchronous, each refusal beside its rule."""
