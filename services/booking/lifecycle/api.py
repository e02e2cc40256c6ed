"""Staff over HTTP: commands about a booking, processed as Kafka's messages are, and what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from services.booking.lifecycle import queries
from services.booking.lifecycle.batch import State, digest_of_command
from services.booking.record import balance_of
from services.booking.settings import Settings
from shared.auth.access import signed
from shared.auth.authorization import CurrentCaller
from shared.auth.money_limits import most
from shared.auth.tokens import Caller, Role
from shared.consumer.processor import Deferred, Processor
from shared.contracts.booking.staff import (
    CancelBooking,
    ChangeDates,
    CheckIn,
    CheckOut,
    Codes,
    MarkNoShow,
    RejectBooking,
    StaffCommand,
)
from shared.contracts.common import MOST_ROOMS, Amount, Day, Identifier, Name, Text
from shared.database.pool import UNAVAILABLE, Database
from shared.errors import Refusal
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.messages.incoming import RequestBody

Guard = Callable[[Request], None]

SECONDS = 10.0  # how long a caller waits for a change that other services have to answer
PAUSE_S = 0.1
MISSING = {"unknown_booking": status.HTTP_404_NOT_FOUND}
BUSY = {"change_under_way": status.HTTP_409_CONFLICT, "confirmation_under_way": status.HTTP_409_CONFLICT}
ANSWERS: Mapping[int | str, dict[str, Any]] = {
    202: {"description": "It is taken and not through yet: ask for the command again."},
    403: {"description": "Nobody may write without a token, nor overrule without being a manager."},
    404: {"description": "There is no such booking."},
    409: {"description": "Something else is under way for this booking: try again with a new command_id."},
    422: {"description": "It may not be done, and why; or the id was used for something else."},
    503: {"description": "It could not be taken in: ask again with the same command_id."},
}


class StaffCommandBody(RequestBody):
    """What every command says; `command_id` is chosen by whoever asks, the same again is done once."""

    command_id: UUID
    who: Name
    reason: Text | None = None


class CancelBody(StaffCommandBody):
    """An end of a booking, or of the stays with these codes; the fee is the policy's unless it is named."""

    codes: Codes = ()
    fee: Amount | None = None


class CheckInBody(StaffCommandBody):
    """Guests who arrive: the codes of their stays, or none for all."""

    codes: tuple[Identifier, ...] = Field((), max_length=MOST_ROOMS)


class CheckOutBody(CheckInBody):
    """Guests who leave; `owing` is a manager's word that they may although something is still owed."""

    owing: bool = False


class Dates(StaffCommandBody):
    """Other dates, [check-in, check-out)."""

    check_in: Day
    check_out: Day


class Outcome(BaseModel):
    """What came of a command, and where its booking is: amounts in its currency, `balance` is what is owed."""

    command_id: UUID
    state: State
    booking_id: UUID
    status: str
    check_in: date
    check_out: date
    revision: int
    total: Amount | None
    charges: Amount
    fee: Amount | None
    paid: Amount | None
    refund: Amount | None
    balance: Decimal | None
    currency: str | None


SignedSaid = Annotated[StaffCommandBody, Depends(signed(StaffCommandBody, "who"))]
SignedEnded = Annotated[CancelBody, Depends(signed(CancelBody, "who"))]
SignedArrived = Annotated[CheckInBody, Depends(signed(CheckInBody, "who"))]
SignedLeft = Annotated[CheckOutBody, Depends(signed(CheckOutBody, "who"))]
SignedDates = Annotated[Dates, Depends(signed(Dates, "who"))]


def router(database: Database, settings: Settings, *, seconds: float = SECONDS) -> APIRouter:
    """The endpoints; they need a token, on loopback too."""
    routes = APIRouter(tags=["desk"], dependencies=[Depends(require_role(settings))])
    commands = _CommandApi(database, seconds, settings)
    overrules = require_role(settings, Role.MANAGER)
    _add_ends(routes, commands, overrules)
    _add_stays(routes, commands, overrules)
    _add_reading(routes, commands)
    return routes


def _add_ends(routes: APIRouter, commands: _CommandApi, overrules: Guard) -> None:
    @routes.post("/bookings/{booking_id}/cancellation", response_model=Outcome, responses=dict(ANSWERS))
    async def cancel(
        booking_id: UUID, said: SignedEnded, processor: CommandProcessor, caller: CurrentCaller
    ) -> Response:
        """The booking is off: its rooms are free, and what was paid beyond the fee goes back."""
        leeway = await commands.leeway(booking_id, caller)
        return await commands.do(processor, CancelBooking(booking_id=booking_id, leeway=leeway, **said.model_dump()))

    @routes.post("/bookings/{booking_id}/no-show", response_model=Outcome, responses=dict(ANSWERS))
    async def no_show(
        booking_id: UUID, said: SignedEnded, processor: CommandProcessor, caller: CurrentCaller
    ) -> Response:
        """The guests did not come: the same as a cancellation, under its own name."""
        leeway = await commands.leeway(booking_id, caller)
        return await commands.do(processor, MarkNoShow(booking_id=booking_id, leeway=leeway, **said.model_dump()))

    guards = [Depends(overrules)]
    path = "/bookings/{booking_id}/rejection"

    @routes.post(path, response_model=Outcome, responses=dict(ANSWERS), dependencies=guards)
    async def reject(booking_id: UUID, said: SignedSaid, processor: CommandProcessor) -> Response:
        """The hotel does not take a booking that is not confirmed yet: a manager's decision."""
        return await commands.do(processor, RejectBooking(booking_id=booking_id, **said.model_dump()))


def _add_stays(routes: APIRouter, commands: _CommandApi, overrules: Guard) -> None:
    @routes.post("/bookings/{booking_id}/check-in", response_model=Outcome, responses=dict(ANSWERS))
    async def check_in(booking_id: UUID, said: SignedArrived, processor: CommandProcessor) -> Response:
        """Guests have arrived in the rooms that they were given."""
        return await commands.do(processor, CheckIn(booking_id=booking_id, **said.model_dump()))

    @routes.post("/bookings/{booking_id}/check-out", response_model=Outcome, responses=dict(ANSWERS))
    async def check_out(booking_id: UUID, said: SignedLeft, processor: CommandProcessor, request: Request) -> Response:
        """Guests have left; the last one only with nothing owed, or on a manager's word."""
        if said.owing:
            overrules(request)
        return await commands.do(processor, CheckOut(booking_id=booking_id, **said.model_dump()))

    @routes.post("/bookings/{booking_id}/dates", response_model=Outcome, responses=dict(ANSWERS))
    async def change_dates(
        booking_id: UUID, dates: SignedDates, processor: CommandProcessor, caller: CurrentCaller
    ) -> Response:
        """Other nights for all rooms, if they can be had; the difference in price is the booking's balance."""
        leeway = await commands.leeway(booking_id, caller)
        return await commands.do(processor, ChangeDates(booking_id=booking_id, leeway=leeway, **dates.model_dump()))


def _add_reading(routes: APIRouter, commands: _CommandApi) -> None:
    @routes.get("/commands/{command_id}", response_model=Outcome, responses=dict(ANSWERS))
    async def command(command_id: UUID) -> Response:
        """What came of a command."""
        answer = await commands.answer(command_id)
        if answer is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no command has the id {command_id}")
        return answer


class _CommandApi:
    def __init__(self, database: Database, seconds: float, settings: Settings) -> None:
        self._database = database
        self._seconds = seconds
        self._settings = settings

    async def leeway(self, booking_id: UUID, caller: Caller) -> Decimal | None:
        """How far a fee that the caller names for a booking may lie from the policy's; None: any."""
        limits = self._settings.fee_limits
        if own := self._settings.property_fee_limits:
            async with self._database.connection() as connection:
                limits = own.get(await queries.property_of(connection, booking_id) or "", limits)
        return most(limits, caller.role)

    async def do(self, processor: Processor, command: StaffCommand) -> Response:
        """Process a command; one that other services have to answer is waited for, at most `seconds`."""
        until = asyncio.get_running_loop().time() + self._seconds
        try:
            await processor.execute(command, id=str(command.command_id), seconds=self._seconds, deferrable=True)
        except UNAVAILABLE as outage:
            raise _not_now("it could not be taken in: ask again with the same command_id") from outage
        except Deferred as fault:
            raise _not_now("it was put off and will be tried again: ask for the command in a moment") from fault
        row = await self._settled(command.command_id, until)
        if row is None:
            raise _not_now("it was put off and will be tried again: ask for the command in a moment")
        if row["digest"] != digest_of_command(command):
            text = f"command_id: {command.command_id} was used before, for something else; take a new id"
            raise Refusal("done_otherwise", text, field="command_id")
        return await self._response(row)

    async def answer(self, command_id: UUID) -> Response | None:
        """What came of a command, if there is one."""
        row = await self._row(command_id)
        return await self._response(row) if row else None

    async def _settled(self, command_id: UUID, until: float) -> queries.Row | None:
        """The command's row once nothing is under way for it; at the event loop's time `until`, as it is then."""
        loop = asyncio.get_running_loop()
        while True:
            row = await self._row(command_id)
            if row is None or row["state"] != State.UNDER_WAY or loop.time() > until:
                return row
            await asyncio.sleep(PAUSE_S)

    async def _row(self, command_id: UUID) -> queries.Row | None:
        async with self._database.connection() as connection:
            return await queries.command(connection, command_id)

    async def _response(self, row: queries.Row) -> Response:
        if row["state"] == State.REFUSED:
            return _refused(row["refusal"])
        async with self._database.connection() as connection:
            booking = await queries.account(connection, row["booking_id"])
        if booking is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"no booking has the id {row['booking_id']}")
        facts = {name: booking[name] for name in booking.keys() if name != "id"}  # noqa: SIM118 — a record of asyncpg
        outcome = Outcome(
            command_id=row["id"],
            state=row["state"],
            booking_id=row["booking_id"],
            balance=balance_of(booking),
            **facts,
        )
        under_way = row["state"] == State.UNDER_WAY
        return JSONResponse(
            outcome.model_dump(mode="json"), status.HTTP_202_ACCEPTED if under_way else status.HTTP_200_OK
        )


def _refused(refusal: Mapping[str, Any]) -> Response:
    code = refusal["code"]
    body = {"reason": code, "text": refusal["text"], "details": refusal["details"]}
    known = (MISSING | BUSY).get(code, status.HTTP_422_UNPROCESSABLE_CONTENT)
    return JSONResponse({"error": body}, known)


def _not_now(text: str) -> HTTPException:
    return HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, text, {"Retry-After": "5"})
