"""HTTP calls to systems outside: only to addresses that may be called, with bounded answers."""
