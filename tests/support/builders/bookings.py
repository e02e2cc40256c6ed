"""Builds booking requests, transfers and the saga's answers for tests: say only what matters."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zlib import crc32

from services.booking.requests.property import Property
from services.booking.sagas import TABLES
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    HeldRoom,
    HoldRooms,
    OrderedRoom,
    OrdersCancelled,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomsReleased,
    RoomWish,
)
from shared.contracts.booking import BookingRequested, PropertyFacts, booking_id_of
from shared.contracts.common import RefusalDetails
from shared.contracts.conversations import ConversationLinked
from shared.contracts.notifications import GuestNotified
from shared.contracts.payments import (
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
    TransferArrived,
)
from shared.messages.message import Message
from shared.saga.store import Sagas
from tests.support.doubles.transport import START

CHECK_IN = date(2026, 3, 15)
CODES = ("HR26181", "HR26182", "HR26183")
PROPERTY = PropertyFacts(id="las-hojas", name="Las Hojas Resort", timezone="America/El_Salvador", contact="")
ORDERED = tuple(OrderedRoom(line=line, room=str(17 + line), code=f"PM{line}") for line in (1, 2, 3))
NOT_BOOKED = RefusalDetails(reason="not_enough_rooms", text="Junior: one is free")


def unit_of_work(property_: Property) -> UnitOfWork:
    """An empty batch of booking, without a database, with codes for two requests of three rooms."""
    codes = [f"HR{number}" for number in range(26181, 26187)]
    return UnitOfWork({property_.id: property_}, property_.id, Sagas(TABLES), codes={property_.id: codes})


def room(adults: int = 3, type_: str = "Junior", **more: Any) -> dict[str, Any]:
    """One wanted room."""
    return {"type": type_, "adults": adults, "children_0_to_5": 0, "children_6_to_10": 0} | more


def slip_of(request_id: str) -> str:
    """The reference of a request's slip: a number of its own, because words identify no payment."""
    return f"slip {crc32(request_id.encode())}"


def wanted(request_id: str = "r1", *, rooms: Any = None, **more: Any) -> dict[str, Any]:
    """A request as a gateway writes it: three Junior rooms, 3+3+2 adults, one night, paid by transfer."""
    return {
        "request_id": request_id,
        "guest": {"name": "Ana López", "email": "ana@example.com", "phone": "+50371234567"},
        "check_in": CHECK_IN.isoformat(),
        "check_out": (CHECK_IN + timedelta(days=1)).isoformat(),
        "package": "Las Hojas",
        "rooms": [room(3), room(3), room(2)] if rooms is None else rooms,
        "payment": {
            "method": "bank_transfer",
            "amount": "690.00",
            "slip_date": START.date().isoformat(),
            "reference": slip_of(request_id),
        },
        "contact": {"wa_id": "50371234567"},
    } | more


def request(request_id: str = "r1", **more: Any) -> BookingRequested:
    """The same as a message."""
    return BookingRequested.model_validate(wanted(request_id, **more))


def transfer_for(request_id: str = "r1", amount: str = "690.00") -> TransferArrived:
    """The money of a request, as the bank's feed tells it."""
    return TransferArrived(
        transfer_id=f"transfer {request_id}",
        amount=amount,
        posted_on=START.date(),
        reference=slip_of(request_id),
        payer="Ana López",
    )


def hold(booking_id: UUID, *rooms: RoomWish, **more: Any) -> HoldRooms:
    """A hold of one Junior room, unless rooms are named."""
    facts = {
        "booking_id": booking_id,
        "property_id": "las-hojas",
        "check_in": CHECK_IN,
        "check_out": CHECK_IN + timedelta(days=1),
        "package": "Las Hojas",
        "rooms": rooms or (wish(1),),
    }
    return HoldRooms.model_validate(facts | more)


def wish(line: int = 1, type_: str = "Junior", adults: int = 2, **more: Any) -> RoomWish:
    """One line of a hold."""
    return RoomWish(line=line, type=type_, adults=adults, **more)


def held(request_id: str = "r1", adults: tuple[int, ...] = (3, 3, 2), **more: Any) -> RoomsHeld:
    """Junior rooms from 18 on, at 86.25 an adult."""
    rooms = tuple(
        HeldRoom(
            line=line,
            type="bungalow_junior",
            type_label="Junior",
            room=str(17 + line),
            adults=number,
            amount=Decimal("86.25") * number,
        )
        for line, number in enumerate(adults, 1)
    )
    total = sum((one.amount for one in rooms), Decimal(0))
    facts = {"rooms": rooms, "total": total, "currency": "USD", "expires_at": START + timedelta(minutes=15)}
    return RoomsHeld.model_validate({"booking_id": booking_id_of(request_id)} | facts | more)


def answer_of(kind: type[Message], request_id: str = "r1", *, outside: bool = False) -> Message:
    """What a participant of the multi-room saga says, by its type; `outside`: an external system keeps the rooms."""
    booking_id = booking_id_of(request_id)
    answers = {
        RoomsHeld: lambda: held(request_id, outside=outside),
        RoomsNotHeld: lambda: RoomsNotHeld(booking_id=booking_id, refusal=NOT_BOOKED),
        RoomsBooked: lambda: RoomsBooked(booking_id=booking_id, rooms=("18", "19", "20")),
        RoomsReleased: lambda: RoomsReleased(booking_id=booking_id),
        RoomsFreed: lambda: RoomsFreed(booking_id=booking_id),
        RoomsOrdered: lambda: RoomsOrdered(booking_id=booking_id, rooms=ORDERED),
        RoomsNotOrdered: lambda: RoomsNotOrdered(
            booking_id=booking_id, refusal=RefusalDetails(reason="room_failed", text="room 3 could not be had")
        ),
        OrdersCancelled: lambda: OrdersCancelled(booking_id=booking_id),
        PaymentReserved: lambda: PaymentReserved(booking_id=booking_id, payment_id="p1", amount="690.00"),
        PaymentRefused: lambda: PaymentRefused(
            booking_id=booking_id, refusal=RefusalDetails(reason="payment_used", text="it was used before")
        ),
        PaymentCaptured: lambda: PaymentCaptured(booking_id=booking_id, payment_id="p1", amount="690.00"),
        PaymentReleased: lambda: PaymentReleased(booking_id=booking_id, amount="0.00"),
        GuestNotified: lambda: GuestNotified(booking_id=booking_id, channels=("email",)),
        ConversationLinked: lambda: ConversationLinked(booking_id=booking_id),
    }
    return answers[kind]()


def replies(request_id: str = "r1", *, settled: bool = True) -> tuple[Message, ...]:
    """What the other services answer to a request until it is confirmed.

    With `settled` also that its rooms are booked and its money is captured, so that it may end or change.
    """
    kinds = (RoomsHeld, PaymentReserved, *((RoomsBooked, PaymentCaptured) if settled else ()))
    return tuple(answer_of(kind, request_id) for kind in kinds)
