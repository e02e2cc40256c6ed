"""The engines that are compared, and the hotel that each books in."""
