"""The invariants, one small function each; importing this package is what makes them known."""

from posada.audit.rules import bookings, intake, money, notifications, rooms, sagas, threads, topics

__all__ = ("bookings", "intake", "money", "notifications", "rooms", "sagas", "threads", "topics")
