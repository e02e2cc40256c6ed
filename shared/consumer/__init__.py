"""How a message is consumed: decoded, routed to its handler, and committed with what it led to."""
