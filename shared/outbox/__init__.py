"""Messages out: written with the transaction, published after it; retries, dead letters and timers."""
