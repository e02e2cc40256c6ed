"""Faults: their plan, and how each is injected and repaired."""
