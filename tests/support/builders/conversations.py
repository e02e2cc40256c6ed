"""Chat messages, bookings and records with sensible defaults."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord

from services.conversations.threads.bookings import Booking, Version
from services.conversations.threads.rules import Tenant
from services.conversations.unit_of_work import PhoneRegion, UnitOfWork
from shared.contracts.booking import BookedRoom, BookingConfirmed, Contact, Guest, PropertyFacts
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, GuestNotShown
from shared.contracts.conversations import ChatMessage
from shared.messages.message import Message

NOW = datetime(2026, 3, 10, 18, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
PLACE = PhoneRegion("SV")
WA_ID = "50371234567"
PHONE = "+50371234567"
SUBSCRIBER = "fb_subscriber_123456"
_numbers = count(1)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def chat(contact: str = WA_ID, message_id: str | None = None, **given: Any) -> ChatMessage:
    base = {"message_id": message_id or f"wamid.{next(_numbers)}", "contact": contact, "text": "Hola", "sent_at": NOW}
    return ChatMessage.model_validate(base | given)


def confirmed(
    *rooms: str,
    starts: int = -1,
    nights: int = 5,
    at: datetime = NOW,
    wa_id: str | None = WA_ID,
    booking_id: UUID | None = None,
    **given: Any,
) -> BookingConfirmed:
    """A booking of rooms from `starts` days after today."""
    check_in = TODAY + days(starts)
    base = {
        "booking_id": booking_id or uuid4(),
        "request_id": "request",
        "property": PropertyFacts(id="mar", name="Posada del Mar", timezone="America/El_Salvador"),
        "language": "es",
        "guest": Guest(name="Ana López", email="ana@example.com"),
        "contact": Contact(wa_id=wa_id),
        "check_in": check_in,
        "check_out": check_in + days(nights),
        "text": "",
        "at": at,
        "package": "Las Hojas",
        "rooms": [_room(line, room) for line, room in enumerate(rooms or ("101",), 1)],
        "number_of_rooms": len(rooms) or 1,
        "total": Decimal("690.00"),
        "currency": "USD",
    }
    return BookingConfirmed.model_validate(base | given)


def modified(
    booking: BookingConfirmed, *rooms: str, at: datetime, starts: int, nights: int = 5, revision: int = 1
) -> BookingModified:
    """Other dates, and with them perhaps other rooms."""
    check_in = TODAY + days(starts)
    told = {
        "revision": revision,
        "check_in": check_in,
        "check_out": check_in + days(nights),
        "rooms": [_room(line, room) for line, room in enumerate(rooms, 1)],
        "at": at,
    }
    return BookingModified.model_validate(booking.model_dump() | told)


def cancelled(booking: BookingConfirmed, at: datetime) -> BookingCancelled:
    """The booking is off."""
    told = {"at": at, "reservation_codes": ["HR1"], "fee": 0, "refund": 0}
    return BookingCancelled.model_validate(booking.model_dump() | told)


def not_shown(booking: BookingConfirmed, at: datetime) -> GuestNotShown:
    """Nobody came."""
    return GuestNotShown.model_validate(booking.model_dump() | {"at": at})


def _room(line: int, room: str) -> BookedRoom:
    return BookedRoom(
        line=line, code=f"HR{line}", room=room, type="junior", type_label="Junior", adults=2, amount=Decimal(230)
    )


def a_booking(starts: int = -1, nights: int = 5, *, room: str = "101", created: int = 0, number: int = 1) -> Booking:
    """A booking for the rules: days count from today, `created` orders what came when."""
    return Booking(
        id=UUID(int=number),
        contact=PHONE,
        guest_name="Ana López",
        property_id="mar",
        property_name="Posada del Mar",
        timezone="America/El_Salvador",
        versions=(
            Version(NOW + timedelta(minutes=created), 0, TODAY + days(starts), TODAY + days(starts + nights), (room,)),
        ),
    )


def a_world(*contacts: str) -> UnitOfWork:
    """A world as it is loaded for contacts that nobody has heard of."""
    return UnitOfWork(PLACE, {contact: Tenant(contact) for contact in contacts or (PHONE, SUBSCRIBER)})


def record(message: Message, offset: int = 0, event_id: str | None = None) -> ConsumerRecord[bytes, bytes]:
    """The message as it comes from Kafka, each time as a new CloudEvent unless `event_id` is given."""
    headers = [
        ("ce_id", (event_id or str(uuid4())).encode()),
        ("ce_type", message.type_name.encode()),
        ("ce_source", b"somebody"),
    ]
    body = message.model_dump_json(exclude_none=True).encode()
    return ConsumerRecord(
        topic=message.topic.name,
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=message.key.encode(),
        value=body,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=len(body),
        headers=headers,
    )
