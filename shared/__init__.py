"""Mechanisms that every service stands on; one a file, and no word of the hotel's trade outside contracts/."""
