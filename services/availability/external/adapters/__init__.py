"""One port for every place that keeps rooms, and an adapter for each kind."""
