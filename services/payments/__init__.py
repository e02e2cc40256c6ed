"""Knows what money has arrived, reserves it for bookings, looks for it until it shows up, captures or releases it."""
