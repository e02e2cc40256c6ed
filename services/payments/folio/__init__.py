"""A booking's balance: what it costs, what was paid, charges and refunds of staff."""
