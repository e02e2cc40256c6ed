"""Counts and quotes: gateways' questions and the answers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts import legacy_aliases, topics
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Count,
    Currency,
    Day,
    Headcount,
    Identifier,
    Language,
    LanguageTag,
    Line,
    Occupants,
    Part,
    RefusalDetails,
    Text,
)
from shared.contracts.forms import whole
from shared.contracts.questions import Ignored, IgnoredNames, Question
from shared.messages.incoming import Incoming
from shared.messages.message import Message

Weekday = Annotated[int, Field(ge=1, le=7, description="ISO: 1 is Monday.")]
Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=4, description="Money, with at most four places.")]


class WantedType(Incoming, Part):
    """How many rooms of a type are wanted; the type as label or key, case and accents ignored."""

    older_names: ClassVar = legacy_aliases.TYPE
    names_checked: ClassVar = True

    type: Identifier
    count: Annotated[int, whole(1, MOST_ROOMS)] = 1


class CountRequested(
    Question,
    Message,
    type="posada.availability.count-requested.v1",
    topic=topics.AVAILABILITY_REQUESTS,
    key="request_id",
):
    """Asks how many rooms of each type are free for all nights of [check_in, check_out)."""

    older_names: ClassVar = legacy_aliases.COUNT
    parts: ClassVar = {"wanted": WantedType}

    request_id: Identifier
    property_id: Identifier | None = None
    check_in: Day
    check_out: Day
    wanted: tuple[WantedType, ...] = Field(default=(), max_length=MOST_ROOMS)
    language: LanguageTag = Language.SPANISH
    ignored: Ignored = ()


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
    ignored: IgnoredNames = None


class CountInvalid(
    Message, type="posada.availability.count-invalid.v1", topic=topics.internal("availability"), key="request_id"
):
    """An invalid count request, with its id and its problems; availability sends it to itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails


class RoomWish(Incoming, Occupants):
    """One wanted room; `line` is its place in the request's list, from 1."""

    older_names: ClassVar = legacy_aliases.ROOM
    names_checked: ClassVar = True

    line: Line
    type: Identifier
    extra_beds: Headcount = 0
    extra_beds_cost: Amount | None = None


class QuoteRequested(
    Question,
    Message,
    type="posada.availability.quote-requested.v1",
    topic=topics.AVAILABILITY_REQUESTS,
    key="request_id",
):
    """Asks what rooms cost for all nights of [check_in, check_out): under one package, or under each that applies."""

    older_names: ClassVar = legacy_aliases.QUOTE
    parts: ClassVar = {"rooms": RoomWish}

    request_id: Identifier
    property_id: Identifier | None = None
    check_in: Day
    check_out: Day
    package: Identifier | None = None
    rooms: tuple[RoomWish, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    language: LanguageTag = Language.SPANISH
    ignored: Ignored = ()


class RateQuote(Part):
    """A rate that counted: its conditions, of which one that is left out means any, and its prices for a night."""

    season: Text | None = None
    type: Text | None = None
    first_night: date | None = None
    last_night: date | None = None
    weekdays: tuple[Weekday, ...] | None = Field(default=None, max_length=7)
    rank: int = Field(default=0, ge=0, le=1000)
    adult: Price
    child: Price
    extra_bed: Price


class NightQuote(Part):
    """One night of one room, extra beds included: the price without tax, the tax, and the total."""

    night: date
    rate: int | None = Field(default=None, ge=1, le=5000, description="Which of the plan's `rates` counted, from 1.")
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
    rates: tuple[RateQuote, ...] = Field(default=(), max_length=5000)
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
    ignored: IgnoredNames = None


class QuoteInvalid(
    Message, type="posada.availability.quote-invalid.v1", topic=topics.internal("availability"), key="request_id"
):
    """An invalid quote request, with its id and its problems; availability sends it to itself."""

    request_id: Identifier
    language: Language = Language.SPANISH
    error: RefusalDetails
