"""A request for rooms, from its arrival to its one outcome."""

from __future__ import annotations

from services.booking.requests.saga.data import BOOK_ROOMS, CAPTURE_PAYMENT, RequestData

__all__ = ["BOOK_ROOMS", "CAPTURE_PAYMENT", "RequestData"]
