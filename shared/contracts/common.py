"""Parts that several messages share: money, dates, occupants, reasons."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from shared.contracts.forms import DAY, MOMENT, line, money, whole
from shared.messages.incoming import BLANKS

_MONEY = 'Money, as a decimal with at most two places; sent as text, e.g. "690.00".'
Amount = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2), money(_MONEY)]
PositiveAmount = Annotated[
    Decimal, Field(gt=0, max_digits=12, decimal_places=2), money(f"{_MONEY} More than 0.", above_zero=True)
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _fitting(longest: int) -> Callable[[Any], Any]:
    """A function that makes one line of a text: control characters become blanks, and it is cut to `longest`."""

    def fit(given: Any) -> Any:
        parts = given if isinstance(given, list) else [given]
        line = _in_one_line(" ".join(str(part) for part in parts if isinstance(part, str | int | float)))
        return line[:longest].rstrip() or None

    return fit


def _in_one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def is_placeholder(text: str) -> bool:
    """Whether a text stands where there is no id: a bank's word for "none", zeros, or signs alone."""
    letters = "".join(letter for letter in text.casefold() if letter.isalnum())
    return not letters.strip("0") or letters in _NO_ID


def _decided(given: Any) -> Any:
    """A number that decides, in one line and whole; None where there is none."""
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, str | int):
        return given
    if isinstance(given, str) and any("\ud800" <= sign <= "\udfff" for sign in given):
        return given  # half a letter, which is refused: without it the number would be another one
    line = _in_one_line(str(given))
    return None if is_placeholder(line) else line


# How banks write that there is no id, without blanks and signs.
_NO_ID = frozenset(
    [
        "notprovided",
        "notavailable",
        "notapplicable",
        "nonref",
        "noref",
        "noreference",
        "none",
        "null",
        "unknown",
        "na",
        "nd",
        "sinreferencia",
        "sinref",
        "noproporcionado",
        "nodisponible",
        "nichtangegeben",
        "keine",
        "undefined",
    ]
)
Identifier = Annotated[str, line(100)]
Name = Annotated[str, line(200)]
_ANYTHING = WithJsonSchema({"description": "Text of any length and form; it is made to fit."})
Describing = Annotated[Identifier | None, BeforeValidator(_fitting(100)), _ANYTHING]
DescribingName = Annotated[Name | None, BeforeValidator(_fitting(200)), _ANYTHING]
# What money is found by: never cut, so that two numbers stay two.
Deciding = Annotated[
    Identifier | None,
    BeforeValidator(_decided),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": 100},
                {"type": "integer", "minimum": -(10**15), "maximum": 10**15},
                {"type": "null"},
            ]
        }
    ),
]
RoomNumber = Annotated[str, line(20)]
Prose = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
# Texts made by Posada or by other services; may be empty.
Text = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
Headcount = Annotated[int, whole(0, 100)]
Line = Annotated[int, whole(1, 500, "Its place in the request's list, from 1.")]
Number = Annotated[int, Field(ge=1, le=1_000_000, description="A stage or an attempt, from 1.")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
MOST_ROOMS = 500

_FIRST, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_DEEPEST = 50
_INT64 = 2**63


def _sane_moment(moment: datetime) -> datetime:
    """A time with a zone, far enough from the limits of dates for calculations."""
    if moment.tzinfo is None or not _FIRST <= moment < _END:
        raise PydanticCustomError(
            "moment", "must be a time with its zone, from 2000 to 2199, such as 2027-05-01T15:00:00Z"
        )
    return moment


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise PydanticCustomError("zone", "must be a time zone such as America/El_Salvador") from None
    return name


def _storable(details: dict[str, Any]) -> dict[str, Any]:
    """Only values that JSON has in every language and PostgreSQL can store."""
    if not _can_be_kept(details, _DEEPEST):
        raise PydanticCustomError(
            "details", "has a NUL, an endless or too large number, or is too deep: leave that part out"
        )
    return details


def _can_be_kept(value: Any, deeper: int) -> bool:
    if deeper == 0:
        return False
    if isinstance(value, dict):
        return all("\0" not in name and _can_be_kept(part, deeper - 1) for name, part in value.items())
    if isinstance(value, list | tuple):
        return all(_can_be_kept(part, deeper - 1) for part in value)
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -_INT64 <= value < _INT64


Moment = Annotated[datetime, MOMENT, AfterValidator(_sane_moment)]
Day = Annotated[date, DAY]
Zone = Annotated[str, Field(max_length=64, description="An IANA time zone."), AfterValidator(_known_zone)]
Details = Annotated[dict[str, Any], AfterValidator(_storable)]


class Language(StrEnum):
    """The languages that texts exist in."""

    SPANISH = "es"
    ENGLISH = "en"


def _first_part(tag: Any) -> Any:
    return tag.strip().casefold().replace("_", "-").partition("-")[0] if isinstance(tag, str) else tag


def language_of(tag: Any) -> Language | None:
    """The language of a tag such as es-SV, which counts by its first part; None for any other and for what is none."""
    return next((language for language in Language if language == _first_part(tag)), None)


LanguageTag = Annotated[
    Language,
    BeforeValidator(_first_part),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^[{BLANKS}]*(?:[eE][sS]|[eE][nN])(?:[-_][\\s\\S]*)?[{BLANKS}]*$",
            "description": "A language tag; its first part counts: es or en.",
        }
    ),
]


class Policy(StrEnum):
    """What to do when some of several rooms cannot be had."""

    ALL_OR_NOTHING = "all_or_nothing"
    BEST_EFFORT = "best_effort"


class PaymentMethod(StrEnum):
    """How the guest paid."""

    BANK_TRANSFER = "bank_transfer"
    CARD_LINK = "card_link"


class Channel(StrEnum):
    """By what a person is reached."""

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
    ROOMS_GONE = "rooms_gone"
    PARTY_DOES_NOT_FIT = "party_does_not_fit"
    PRICE_UNAVAILABLE = "price_unavailable"
    PRICE_DIFFERS = "price_differs"
    PAYMENT_INSUFFICIENT = "payment_insufficient"
    PAYMENT_USED = "payment_used"
    PAYMENT_NOT_FOUND = "payment_not_found"
    PAYMENT_NOT_VERIFIED = "payment_not_verified"
    PAYMENT_AMBIGUOUS = "payment_ambiguous"
    PAYMENT_RELEASED = "payment_released"
    PAYMENT_DECLINED = "payment_declined"
    PAYMENT_WITHDRAWN = "payment_withdrawn"
    HOLD_EXPIRED = "hold_expired"
    TIMED_OUT = "timed_out"


class Part(BaseModel):
    """A part of a message: frozen; unknown fields, which a later version may have added, are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Occupants(Part):
    """Who sleeps in a room. From eleven years on a guest counts as an adult."""

    adults: Headcount
    children_0_to_5: Headcount = 0
    children_6_to_10: Headcount = 0


class RefusalDetails(Part):
    """A reason with its sentence and its figures."""

    reason: Text = Field(description="Machine-readable; see Reason.")
    text: Text = Field(description="For people; names the field and the remedy where there is one.")
    details: Details = Field(default_factory=dict)
