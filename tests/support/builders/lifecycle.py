"""Booking alone over its database, the other services' answers given by hand: what becomes of bookings."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from services.booking import api
from services.booking.consumers import routes
from services.booking.lifecycle import api as api_life
from services.booking.repository import Repository
from services.booking.search import api as api_list
from services.booking.settings import Settings
from shared.consumer.processor import Processor
from shared.contracts.availability import ChangeKept, ChangeRooms, HeldRoom, RoomsChanged, RoomsReleased
from shared.contracts.booking import booking_id_of
from shared.contracts.booking.staff import StaffCommand
from shared.contracts.payments import BookingRepriced
from shared.database.pool import Database
from shared.http.app import answer_refusals, authenticated
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.bookings import replies, request
from tests.support.doubles.transport import START, MovedClock, PostOffice, process_records, record_of

TOKEN = "the desk's own, hard to guess by others"  # noqa: S105 — of a test


def command(kind: type[StaffCommand], booking_id: UUID, **more: Any) -> StaffCommand:
    """What Marta says."""
    return kind.model_validate({"command_id": uuid4(), "booking_id": booking_id, "who": "Marta"} | more)


def held(wish: Any, nights: int) -> HeldRoom:
    """A wanted room, 86.25 an adult and night."""
    amount = Decimal("86.25") * wish.adults * nights
    facts = {name: getattr(wish, name) for name in ("line", "type", "adults", "extra_beds")}
    return HeldRoom(**facts, type_label="Junior", room=getattr(wish, "room", str(17 + wish.line)), amount=amount)


def changed(asked: ChangeRooms) -> RoomsChanged:
    """What availability says to a change."""
    rooms = tuple(held(wish, (asked.check_out - asked.check_in).days) for wish in asked.rooms)
    total = sum((room.amount for room in rooms), Decimal(0))
    return RoomsChanged(booking_id=asked.booking_id, change=asked.change, rooms=rooms, total=total, currency="USD")


class Front:
    """The service: told by hand, asked over HTTP."""

    def __init__(self, database: Database, settings: Settings | None = None) -> None:
        self.url = ""
        self.database, self.office, self.clock = database, PostOffice(), MovedClock()
        settings = settings or Settings(api_token=SecretStr(TOKEN))
        repository = Repository()
        relay = OutboxPublisher(self.office, database, clock=self.clock)
        self.consumer = Processor(routes(repository), database, relay, clock=self.clock)
        app = FastAPI()
        answer_refusals(app)
        app.state.processor = self.consumer
        guards = [Depends(authenticated(settings))]
        app.include_router(api_list.router(database, repository, settings, self.clock), dependencies=guards)
        app.include_router(api.router(database, repository), dependencies=guards)
        app.include_router(api_life.router(database, settings, seconds=0.5), dependencies=guards)
        self.app = app
        shown = {"Authorization": f"Bearer {TOKEN}"}
        self.http = AsyncClient(transport=ASGITransport(app), base_url="http://booking", headers=shown)

    async def tell(self, *messages: Message) -> None:
        """What comes over Kafka."""
        for message in messages:
            await process_records(self.consumer, [record_of(message)])

    async def confirmed(self, request_id: str = "r1", **more: Any) -> UUID:
        """A booking of three Junior rooms, its rooms booked and its money captured."""
        booking_id = booking_id_of(request_id)
        await self.tell(request(request_id, **more), *replies(request_id))
        return booking_id

    async def post(self, path: str, code: int = 200, **body: Any) -> Any:
        """What the service answers to a command."""
        given = {"command_id": str(uuid4()), "who": "Marta"} | body
        answer = await self.http.post(path, json=given)
        assert answer.status_code == code, answer.text
        return answer.json()

    async def get(self, path: str, code: int = 200, **query: Any) -> Any:
        """What the service answers."""
        answer = await self.http.get(path, params=query)
        assert answer.status_code == code, answer.text
        return answer.json()

    async def ask(self, sql: str, *values: Any) -> list[Any]:
        """Read its database."""
        async with self.database.connection() as connection:
            return list(await connection.fetch(sql, *values))


def released(booking_id: UUID) -> RoomsReleased:
    """The rooms are free."""
    return RoomsReleased(booking_id=booking_id)


def repriced(booking_id: UUID, change: int, paid: str, refund: str) -> BookingRepriced:
    """What payments did."""
    return BookingRepriced(booking_id=booking_id, change=change, paid=paid, refund=refund, at=START)


def kept(booking_id: UUID, change: int) -> ChangeKept:
    """The old nights are free."""
    return ChangeKept(booking_id=booking_id, change=change)


def days(first: date, number: int) -> dict[str, str]:
    """Dates for a request or a change."""
    return {"check_in": first.isoformat(), "check_out": (first + timedelta(days=number)).isoformat()}
