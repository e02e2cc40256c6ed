"""Counts and quotes: gateways' questions and the answers."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Count,
    Currency,
    Headcount,
    Identifier,
    Language,
    Line,
    Occupants,
    Part,
    RefusalDetails,
    Text,
)
from shared.messages.message import Message


class WantedType(Part):
    """How many rooms of a type are wanted; the type as label or key, case and accents ignored."""

    type: Identifier
    count: int = Field(default=1, ge=1, le=500)


class CountRequested(
    Message,
    type="posada.availability.count-requested.v1",
    topic=topics.AVAILABILITY_REQUESTS,
    key="request_id",
):
    """Asks how many rooms of each type are free for all nights of [check_in, check_out)."""

    request_id: Identifier
    property_id: Identifier | None = None
    check_in: date
    check_out: date
    wanted: tuple[WantedType, ...] = Field(default=(), max_length=MOST_ROOMS)
    language: Language = Language.SPANISH


class Shortage(Part):
    """A type of which fewer rooms are free than wanted."""

    type: Text
    requested: Count
    available: Count


class CountAnswered(
    Message, type="posada.availability.count-answered.v1", topic=topics.AVAILABILITY_ANSWERS, key="request_id"
):
    """The free count of every type; `message` is ready for the guest. On an error `success` is false."""

    request_id: Identifier
    success: bool
    can_fulfill: bool = False
    available_counts: dict[Text, Count] = Field(default_factory=dict)
    shortages: tuple[Shortage, ...] = Field(default=(), max_length=MOST_ROOMS)
    message: Text
    error: RefusalDetails | None = None


class CountInvalid(
    Message, type="posada.availability.count-invalid.v1", topic=topics.internal("availability"), key="request_id"
):
    """An invalid count request, with its id and its problems; availability sends it to itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails


class RoomWish(Occupants):
    """One wanted room; `line` is its place in the request's list, from 1."""

    line: Line
    type: Identifier
    extra_beds: Headcount = 0
    extra_beds_cost: Amount | None = None


class QuoteRequested(
    Message,
    type="posada.availability.quote-requested.v1",
    topic=topics.AVAILABILITY_REQUESTS,
    key="request_id",
):
    """Asks what rooms cost for all nights of [check_in, check_out): under one package, or under each that applies."""

    request_id: Identifier
    property_id: Identifier | None = None
    check_in: date
    check_out: date
    package: Identifier | None = None
    rooms: tuple[RoomWish, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    language: Language = Language.SPANISH


class NightQuote(Part):
    """One night of one room, extra beds included: the price without tax, the tax, and the total."""

    night: date
    base: Amount
    tax: Amount
    total: Amount


class FeeQuote(Part):
    """A supplement of the package or a fee of the property, for one room and the whole stay."""

    name: Text
    base: Amount
    tax: Amount
    total: Amount


class RoomQuote(Occupants):
    """One room; its nights and fees add up to its total, which is rounded once."""

    line: Line
    type: Text
    type_label: Text
    extra_beds: Headcount = 0
    nights: tuple[NightQuote, ...] = Field(max_length=366)
    fees: tuple[FeeQuote, ...] = Field(default=(), max_length=1000)
    tax: Amount
    total: Amount


class PlanQuote(Part):
    """What the rooms cost under one package. The rooms' totals add up to `total`, which includes `fees` and `tax`."""

    package: Text
    name: Text
    inclusions: tuple[Text, ...] = Field(default=(), max_length=1000)
    cancellation_policy: Text | None = None
    rooms: tuple[RoomQuote, ...] = Field(max_length=MOST_ROOMS)
    fees: Amount
    tax: Amount
    total: Amount


class QuoteAnswered(
    Message, type="posada.availability.quote-answered.v1", topic=topics.AVAILABILITY_ANSWERS, key="request_id"
):
    """Every package that applies, the cheapest first; none on an error. `message` is ready for the guest."""

    request_id: Identifier
    success: bool
    currency: Currency | None = None
    plans: tuple[PlanQuote, ...] = Field(default=(), max_length=1000)
    message: Text
    error: RefusalDetails | None = None


class QuoteInvalid(
    Message, type="posada.availability.quote-invalid.v1", topic=topics.internal("availability"), key="request_id"
):
    """An invalid quote request, with its id and its problems; availability sends it to itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails
