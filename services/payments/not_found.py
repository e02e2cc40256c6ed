"""404 answers that several endpoints of payments share."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from fastapi import HTTPException, status

Found = TypeVar("Found")


def found(what: Found | None, detail: str) -> Found:
    """What was found, or else 404 with a detail that says what there is not."""
    if what is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, detail)
    return what


def no_booking(booking_id: UUID) -> str:
    """The detail of a 404 about a booking that payments does not know."""
    return f"booking {booking_id} has asked for no payment"


def no_payment(payment_id: UUID) -> str:
    """The detail of a 404 about a payment that there is not."""
    return f"there is no payment {payment_id}"
