"""HTTP calls to external systems: only to allowed addresses, with bounded answers."""
