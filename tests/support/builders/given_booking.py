"""Booking without a database, as given, reply and expect: what its request saga sends, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.booking import sagas
from services.booking.record.states import Status
from services.booking.requests import handlers
from services.booking.requests.property import Property
from services.booking.requests.saga.data import RequestData
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.availability import HoldExpired
from shared.contracts.booking import BookingProgressed, BookingRequested, SagaDue, booking_id_of
from shared.messages.message import Message, Outgoing
from shared.saga.store import SagaRecord
from tests.support.builders.bookings import request, unit_of_work
from tests.support.doubles.transport import START

ID = booking_id_of("r1")
PROPERTY = Property("las-hojas", "Las Hojas Resort", "America/El_Salvador")


@dataclass
class Given:
    """A booking: reply to it, and expect what it sends."""

    property_: Property = PROPERTY
    bookings: UnitOfWork = field(init=False)
    sends: list[Outgoing] = field(default_factory=list)
    now: datetime = START

    def __post_init__(self) -> None:
        self.bookings = unit_of_work(self.property_)

    def request(self, asked: BookingRequested | None = None) -> Given:
        return self._take(handlers.request_booking, asked or request())

    def reply(self, message: Any) -> Given:
        return self._take(sagas.take_reply, message)

    def time_out(self) -> Given:
        self.now = self.saga.progress.wake_at or self.now
        return self._take(sagas.wake_saga, SagaDue(booking_id=ID))

    def expire(self) -> Given:
        event = HoldExpired(booking_id=ID, property_id="las-hojas", expired_at=self.now)
        return self._take(handlers.take_expiry, event)

    def expect(self, *kinds: type[Message]) -> Given:
        told = [type(send.message) for send in self.sends if not isinstance(send.message, BookingProgressed)]
        assert told == list(kinds)
        return self

    def the(self, kind: type[Message]) -> Any:
        (found,) = [send.message for send in self.sends if isinstance(send.message, kind)]
        return found

    @property
    def saga(self) -> SagaRecord[RequestData]:
        found = self.bookings.saga(ID)
        assert found
        return found

    @property
    def status(self) -> Status:
        return self.bookings.changes[ID].new

    def _take(self, handle: Any, message: Any) -> Given:
        self.sends = [Outgoing.of(send) for send in handle(self.bookings, message, self.now)]
        return self
