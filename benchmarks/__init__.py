"""What Posada costs: timings live here, never in a test."""
