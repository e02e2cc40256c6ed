"""What the staff's endpoints share: the answer to a booking that payments does not know."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import HTTPException, status


def found(row: Any, what: str) -> Any:
    """The row, or 404 with what there is not."""
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, what)
    return row


def no_booking(booking_id: UUID) -> str:
    """What is said of a booking that payments knows nothing of."""
    return f"booking {booking_id} has asked for no payment"
