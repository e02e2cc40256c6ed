"""A service's HTTP server: routes that every service has, and bounds on what clients may take."""
