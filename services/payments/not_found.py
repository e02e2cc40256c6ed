"""404 answers that several endpoints of payments share."""

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
    """The detail of a 404 about a booking that payments does not know."""
    return f"booking {booking_id} has asked for no payment"
