"""Events, contacts and deliveries with sensible defaults."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord

from services.notifications.content.composer import NotificationComposer
from services.notifications.content.rendering import Templates
from services.notifications.delivery.model import Audience, Channel, Content, Delivery, Event, Status
from services.notifications.properties import PropertySettings
from shared.contracts.booking import (
    BookedRoom,
    BookingConfirmed,
    BookingFailed,
    BookingRefused,
    Contact,
    Guest,
    MissedRoom,
    PaymentSearchStarted,
    PropertyFacts,
)
from shared.contracts.common import Language, RefusalDetails
from shared.messages.message import Message

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WHATSAPP = Contact(wa_id="50371234567")
TEMPLATES = Templates("SV")
CHAT = frozenset({Event.CONFIRMED, Event.REFUSED, Event.PAYMENT_SEARCH})
REFUSAL = RefusalDetails(reason="not_enough_rooms", text="three Junior wanted, two free")


def a_composer(local: Collection[Channel] = tuple(Channel), staff_email: str | None = None) -> NotificationComposer:
    return NotificationComposer(TEMPLATES, "SV", CHAT, frozenset(local), staff_email, Language.SPANISH)


def facts_of(message: Message) -> dict[str, Any]:
    """What a template is given."""
    return dict(message) | {"property_settings": PropertySettings()}


def outcome(**given: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "booking_id": uuid4(),
        "request_id": "request-1",
        "property": PropertyFacts(
            id="mar", name="Posada del Mar", timezone="America/El_Salvador", contact="+503 2222 3333"
        ),
        "language": Language.SPANISH,
        "guest": Guest(name="Ana López", email="ana@example.com"),
        "contact": WHATSAPP,
        "check_in": date(2026, 3, 15),
        "check_out": date(2026, 3, 16),
        "text": "Solo quedan dos Junior.",
        "at": NOW,
    }
    return base | given


def a_room(line: int = 1, **given: Any) -> BookedRoom:
    base = {
        "line": line,
        "code": f"HR{26180 + line}",
        "room": f"{900 + line}",
        "type": "bungalow_junior",
        "type_label": "Junior",
        "adults": 3,
        "amount": Decimal("258.75"),
    }
    return BookedRoom.model_validate(base | given)


def a_missed_room(line: int = 9) -> MissedRoom:
    return MissedRoom(line=line, type="Familiar", reason="not_enough_rooms", text="Familiar: no queda ninguno")


def confirmed(*rooms: BookedRoom, **given: Any) -> BookingConfirmed:
    rooms = rooms or (a_room(),)
    own = {
        "package": "Las Hojas",
        "rooms": rooms,
        "number_of_rooms": len(rooms),
        "total": sum(room.amount for room in rooms),
        "currency": "USD",
    }
    return BookingConfirmed.model_validate(outcome(**own) | given)


def refused(**given: Any) -> BookingRefused:
    return BookingRefused.model_validate(outcome(refusal=REFUSAL) | given)


def failed(**given: Any) -> BookingFailed:
    return BookingFailed.model_validate(outcome(refusal=REFUSAL) | given)


def payment_search(stage: int = 1, **given: Any) -> PaymentSearchStarted:
    return PaymentSearchStarted.model_validate(outcome(stage=stage, next_attempt_at=NOW) | given)


def a_delivery(channel: Channel = Channel.WHATSAPP, recipient: str = "50371234567", **given: Any) -> Delivery:
    base: dict[str, Any] = {
        "booking_id": UUID(int=7),
        "occasion": "confirmed",
        "audience": Audience.GUEST,
        "channel": channel,
        "recipient": recipient,
        "sender_name": "Posada del Mar",
        "content": Content("¡Hola! Código HR26181 & más"),
        "place": 0,
        "status": Status.PENDING,
    }
    return Delivery(**(base | given))


def record(message: Message, offset: int = 0, event_id: str | None = None) -> ConsumerRecord[bytes, bytes]:
    """The message as it comes from Kafka, each time as a new CloudEvent unless `event_id` is given."""
    headers = [
        ("ce_id", (event_id or str(uuid4())).encode()),
        ("ce_type", message.type_name.encode()),
        ("ce_source", b"posada/booking"),
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
