"""Requests that staff decide: the cases, and what was decided."""
