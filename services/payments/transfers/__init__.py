"""Money that arrived: payments, the ledger, and the match with what is asked for."""
