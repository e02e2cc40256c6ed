"""The public language: every message that crosses a service, one file for each service that owns it.

Importing this package registers them all.
"""

from shared.contracts import availability, booking, booking_life, booking_staff, conversations, notifications, payments

__all__ = ["availability", "booking", "booking_life", "booking_staff", "conversations", "notifications", "payments"]
