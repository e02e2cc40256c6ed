"""Where a property's rooms are kept: one port, and an adapter for each kind of place."""
