"""A booking as it is recorded: its states, its stays, and what it costs to cancel it."""
