"""The invariants, one small function each; importing this package is what makes them known."""

from posada.audit.rules import bookings, money, rooms, sagas, telling, threads, topics

__all__ = ("bookings", "money", "rooms", "sagas", "telling", "threads", "topics")
