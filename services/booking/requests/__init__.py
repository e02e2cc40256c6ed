"""A booking request: validated, run as a saga, answered with one outcome."""
