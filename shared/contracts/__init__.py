"""The message contract: every message between services or with gateways, in one module for each owning service.

Importing this package registers them all.
"""

from shared.contracts import availability, booking, conversations, notifications, payments
from shared.contracts.booking import lifecycle, staff

__all__ = ["availability", "booking", "conversations", "lifecycle", "notifications", "payments", "staff"]
