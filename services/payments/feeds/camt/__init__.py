"""Account statements in ISO 20022's camt.053, and the reports and notifications that look like them."""

from services.payments.feeds.camt.layout import CamtLayout
from services.payments.feeds.camt.reader import read_camt

__all__ = ["CamtLayout", "read_camt"]
