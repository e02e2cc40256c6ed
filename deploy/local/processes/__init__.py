"""Processes that never outlive us, and the folders they keep."""
