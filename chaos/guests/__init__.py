"""Guests and staff during a storm."""
