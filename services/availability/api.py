"""Counts, quotes and holds over HTTP, for reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field, ValidationError

from services.availability.external.port import InventoryUnavailable
from services.availability.inventory import queries
from services.availability.repository import Nights, Repository
from services.availability.stay import Stay, stay_from
from shared.clock import Clock
from shared.contracts import legacy_aliases
from shared.contracts.availability import (
    CountAnswered,
    CountRequested,
    QuoteAnswered,
    QuoteRequested,
    RoomWish,
    WantedType,
)
from shared.contracts.common import (
    MOST_ROOMS,
    Amount,
    Day,
    Headcount,
    Identifier,
    Language,
    LanguageTag,
    Occupants,
    Reason,
)
from shared.contracts.questions import Ignored, Question
from shared.database.pool import Database
from shared.errors import Refusal
from shared.messages.incoming import Incoming
from shared.validation_errors import validation_errors

FreeOutside = Callable[[str, Stay], Awaitable[dict[str, tuple[str, ...]]]]


class HoldState(BaseModel):
    """A booking's rooms in availability."""

    booking_id: UUID
    property_id: str
    state: str
    check_in: date
    check_out: date
    rooms: list[str]


class WantedRoom(Incoming, Occupants):
    """One room to be quoted."""

    older_names: ClassVar = legacy_aliases.ROOM
    names_checked: ClassVar = True

    type: Identifier
    extra_beds: Headcount = 0
    extra_beds_cost: Amount | None = None


class QuoteAsked(Question):
    """A request for a quote. The property is in the path; rooms are numbered in their order."""

    older_names: ClassVar = legacy_aliases.QUOTE
    parts: ClassVar = {"rooms": WantedRoom}

    check_in: Day
    check_out: Day
    package: Identifier | None = None
    rooms: tuple[WantedRoom, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    language: LanguageTag = Language.SPANISH
    ignored: Ignored = ()

    def of(self, property_id: str) -> QuoteRequested:
        """The request as a message."""
        facts = self.model_dump(exclude={"rooms"})
        rooms = tuple(RoomWish(line=line, **room.model_dump()) for line, room in enumerate(self.rooms, 1))
        return QuoteRequested(request_id=str(uuid4()), property_id=property_id, rooms=rooms, **facts)


def router(
    database: Database, repository: Repository, clock: Clock, free_outside: FreeOutside | None = None
) -> APIRouter:
    """Availability's endpoints."""
    router = APIRouter(tags=["availability"])

    @router.get("/properties/{property_id}/availability", responses={422: {}, 503: {}})
    async def count_rooms(
        property_id: str,
        check_in: Day,
        check_out: Day,
        wanted: Annotated[list[str], Query(description="type:count, e.g. Junior:3; repeat it")] = [],  # noqa: B006
        language: LanguageTag = Language.SPANISH,
    ) -> CountAnswered:
        """Free rooms of every type, and whether there are enough of those wanted."""
        facts = {"property_id": property_id, "check_in": check_in, "check_out": check_out, "language": language}
        request = _request(facts | {"wanted": [_wanted_type(text) for text in wanted]})
        async with database.connection() as connection:
            inventory = await repository.view(connection, [Nights(request.property_id, check_in, check_out)])
        property_ = inventory.property_of(request.property_id)
        if property_.outside and free_outside:
            stay = stay_from(check_in, check_out, property_.today(clock()))
            async with database.connection() as connection:
                await repository.see_held_places(connection, inventory, property_.id, stay)
            inventory.narrow(property_, stay, await _free_outside(free_outside, property_.id, stay))
        (answer,) = queries.count_rooms(inventory, request, clock())
        assert isinstance(answer, CountAnswered)  # noqa: S101
        return answer

    @router.post("/properties/{property_id}/quote", responses={422: {}, 503: {}})
    async def quote_rooms(property_id: Identifier, body: QuoteAsked) -> QuoteAnswered:
        """What rooms cost, night by night, under one package or under each that applies."""
        request = body.of(property_id)
        async with database.connection() as connection:
            inventory = await repository.view(connection, [], [property_id])
        (answer,) = queries.quote_rooms(inventory, request, clock())
        assert isinstance(answer, QuoteAnswered)  # noqa: S101
        return answer

    @router.get("/holds/{booking_id}", responses={404: {}, 503: {}})
    async def hold(booking_id: UUID) -> HoldState:
        """The rooms that a booking holds or has booked."""
        async with database.connection() as connection:
            found = await repository.hold(connection, booking_id)
        if found is None:
            raise HTTPException(404, f"booking {booking_id} holds no rooms")
        return HoldState(
            booking_id=booking_id,
            property_id=found.property_id,
            state=found.state,
            check_in=found.stay.check_in,
            check_out=found.stay.check_out,
            rooms=list(found.rooms),
        )

    return router


async def _free_outside(free_outside: FreeOutside, property_id: str, stay: Stay) -> dict[str, tuple[str, ...]]:
    try:
        return await free_outside(property_id, stay)
    except InventoryUnavailable as fault:
        raise HTTPException(503, "the property's system cannot be reached; ask again in a moment") from fault


def _request(facts: dict[str, Any]) -> CountRequested:
    try:
        return CountRequested.model_validate(facts | {"request_id": str(uuid4())})
    except ValidationError as error:
        first = validation_errors(error.errors(include_url=False, include_input=False))[0]
        text = f"{first['field']}: {first['problem']}"
        raise Refusal(Reason.INVALID_REQUEST, text, field=first["field"]) from error


def _wanted_type(text: str) -> WantedType:
    name, colon, count = text.rpartition(":")
    digits = count if count.isascii() and count.isdigit() and len(count) <= 3 else ""  # noqa: PLR2004
    try:
        return WantedType(type=name, count=int(digits)) if colon else WantedType(type=text)
    except ValueError:  # ValidationError included
        problem = (
            "wanted: write type:count with a type of at most 100 characters and a count from 1 to 500, e.g. Junior:3"
        )
        raise Refusal(Reason.INVALID_REQUEST, problem, field="wanted") from None
