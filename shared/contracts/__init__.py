"""The public language: every message that crosses a service, one file for each service that owns it.

Importing this package registers them all.
"""

from shared.contracts import availability, booking, conversations, notifications, payments
from shared.contracts.booking import lifecycle, staff

__all__ = ["availability", "booking", "conversations", "lifecycle", "notifications", "payments", "staff"]
