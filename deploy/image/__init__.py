"""What the container image has beside the services."""
