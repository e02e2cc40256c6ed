"""Parts that several messages share: money, dates, occupants, reasons."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Amount = Annotated[
    Decimal,
    Field(
        ge=0,
        max_digits=12,
        decimal_places=2,
        description='Money, as a decimal with at most two places; sent as text, e.g. "690.00".',
    ),
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _line(longest: int) -> Any:
    """One line of text without control characters, blanks at its ends removed."""
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest, pattern=r"^[^\x00-\x1f\x7f]*$")


Identifier = Annotated[str, _line(100)]
Name = Annotated[str, _line(200)]
RoomNumber = Annotated[str, _line(20)]
Prose = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
Headcount = Annotated[int, Field(ge=0, le=100)]


class Language(StrEnum):
    """The languages that texts exist in."""

    SPANISH = "es"
    ENGLISH = "en"


class Policy(StrEnum):
    """What to do when some of several rooms cannot be had."""

    ALL_OR_NOTHING = "all_or_nothing"
    BEST_EFFORT = "best_effort"


class PaymentMethod(StrEnum):
    """How the guest paid."""

    BANK_TRANSFER = "bank_transfer"
    CARD_LINK = "card_link"


class Channel(StrEnum):
    """Where a person is reached."""

    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    INSTAGRAM = "instagram"
    SMS = "sms"
    EMAIL = "email"


class Reason(StrEnum):
    """Why a booking was refused or failed, for machines."""

    INVALID_REQUEST = "invalid_request"
    UNKNOWN_PROPERTY = "unknown_property"
    MULTI_ROOM_DISABLED = "multi_room_disabled"
    PAYMENT_MISSING = "payment_missing"
    NOT_ENOUGH_ROOMS = "not_enough_rooms"
    ROOM_FAILED = "room_failed"
    PARTY_DOES_NOT_FIT = "party_does_not_fit"
    PRICE_UNAVAILABLE = "price_unavailable"
    PRICE_DIFFERS = "price_differs"
    PAYMENT_INSUFFICIENT = "payment_insufficient"
    PAYMENT_USED = "payment_used"
    PAYMENT_NOT_FOUND = "payment_not_found"
    PAYMENT_AMBIGUOUS = "payment_ambiguous"
    PAYMENT_RELEASED = "payment_released"
    HOLD_EXPIRED = "hold_expired"
    TIMED_OUT = "timed_out"


class Part(BaseModel):
    """A part of a message: frozen, and tolerant of fields that a later version added."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Occupants(Part):
    """Who sleeps in a room. From eleven years on a guest counts as an adult."""

    adults: Headcount
    children_0_to_5: Headcount = 0
    children_6_to_10: Headcount = 0


class RefusalDetails(Part):
    """A reason with its sentence and its figures."""

    reason: str = Field(description="Machine-readable; see Reason.")
    text: str = Field(description="For people; names the field and the remedy where there is one.")
    details: dict[str, Any] = Field(default_factory=dict)
