"""Who may call an endpoint, and for which properties."""
