"""Two properties' data in each service's database: one's own, and another's that nobody else may see or change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from services.availability.catalogue.model import BY_KIND
from shared.consumer.processor import Processor
from shared.contracts.availability import RoomsBooked, RoomsHeld
from shared.contracts.booking import booking_id_of
from shared.contracts.booking.staff import CheckIn
from shared.contracts.payments import PaymentCaptured, PaymentReserved
from shared.database.pool import Connection
from shared.service import Service
from tests.support.builders.bookings import answer_of, request
from tests.support.doubles.transport import process_records, record_of

OURS, THEIRS, NOWHERE = "las-hojas", "elsewhere", "elsewhera"
CANARY = "canary"  # is in everything of theirs that could be shown


def uuid(kind: int, whose: int) -> UUID:
    """An id of a kind; those of two owners differ in their last digit alone."""
    return UUID(f"a1b2c3d4-e5f6-4a7b-8c9d-{kind:02d}000000000{whose}")


def named(ours: Any, theirs: Any, nobodys: Any) -> tuple[str, str, str]:
    """The same kind of thing: one's own, another's, and one that there is not."""
    return str(ours), str(theirs), str(nobodys)


def made_up(kind: int) -> tuple[str, str, str]:
    """Ids of a kind of thing."""
    return named(*(uuid(kind, whose) for whose in (1, 2, 3)))


Names = Mapping[str, tuple[str, str, str]]
NAMES: Names = {
    "property_id": named(OURS, THEIRS, NOWHERE),
    "booking_id": made_up(1),
    "payment_id": made_up(2),
    "command_id": made_up(3),
    "thread_id": made_up(4),
    "reply_id": made_up(5),
    "charge_id": made_up(6),
    "refund_id": made_up(7),
    "order_id": made_up(8),
    "wa_id": ("50370000001", "50370000002", "50370000003"),
    "subscriber_id": ("subscriber-1", "subscriber-2", "subscriber-3"),
    "line_id": made_up(9),
    "request_id": named("r1", "r2", "r3"),
    "transfer_id": named("t1", "t2", "t3"),
    "transfer_ids": named("t1", "t2", "t3"),
    "after": made_up(2),
}
_R1, _R2 = (str(booking_id_of(one)) for one in ("r1", "r2"))
IN_BOOKING: Names = {**NAMES, "booking_id": (_R1, _R2, _R2[:-1] + ("1" if _R2[-1] == "0" else "0"))}


def names_of(service: str) -> Names:
    """What each kind of thing is called in a service; booking makes its ids of its requests'."""
    return IN_BOOKING if service == "booking" else NAMES


async def plant(service: Service, consumer: Processor) -> None:
    """Write both properties' data."""
    async with service.database.connection() as connection:
        await PLANTED[service.name](connection, consumer)


async def _availability(connection: Connection, _: Processor) -> None:
    columns = "timezone, currency, tax_rate, prices_include_tax, hold_minutes"
    await connection.execute(
        f"INSERT INTO properties (id, name, {columns}) SELECT $1, $2, {columns} FROM properties",  # noqa: S608
        THEIRS,
        CANARY,
    )
    for whose, property_id in enumerate((OURS, THEIRS), 1):
        booking_id = uuid(1, whose)
        await connection.execute(
            "INSERT INTO holds VALUES ($1, $2, 'held', '2030-01-01', '2030-01-02', $3, now(), NULL, '', '{}', now())",
            booking_id,
            property_id,
            ["1" if property_id == OURS else CANARY],
        )
        await connection.execute(
            "INSERT INTO outside_errands (id, booking_id, kind, property_id, body, problem, given_up_at)"
            " VALUES ($1, $1, 'look', $2, '', $3, now())",
            booking_id,
            property_id,
            "" if property_id == OURS else CANARY,
        )
        await connection.execute(
            "INSERT INTO outside_inventories VALUES ($1, 'http://127.0.0.1:9', $2, false, 1, 1, 1)", property_id, CANARY
        )
    await connection.execute("UPDATE outside_inventories SET prefix = '' WHERE property_id = $1", OURS)
    await connection.execute("INSERT INTO room_types VALUES ($1, 'hut', $2, 0, 2, 2, 0, false)", THEIRS, CANARY)
    await connection.execute("INSERT INTO rooms VALUES ($1, 'canary', 'hut')", THEIRS)
    await connection.execute("INSERT INTO packages VALUES ($1, 'las_hojas', $2, '{}')", THEIRS, CANARY)
    await connection.execute(
        "INSERT INTO rates (property_id, package_key, adult, child, extra_bed) VALUES ($1, 'las_hojas', 1, 1, 1)",
        THEIRS,
    )
    for property_id, name in ((OURS, "sauna"), (THEIRS, CANARY)):
        await connection.execute(
            "INSERT INTO supplements VALUES ($1, 'las_hojas', $2, 1, 'room_stay')", property_id, name
        )
        await connection.execute("INSERT INTO fees VALUES ($1, $2, 1, 'room_stay')", property_id, name)


async def _booking(connection: Connection, consumer: Processor) -> None:
    columns = "timezone, contact, policy, multi_room, multi_room_guests"
    await connection.execute(
        f"INSERT INTO properties (id, name, {columns}) SELECT $1, $2, {columns} FROM properties",  # noqa: S608
        THEIRS,
        CANARY,
    )
    await connection.execute("INSERT INTO code_counters VALUES ($1, 'CANARY', 1)", THEIRS)
    guest = {"name": CANARY, "email": f"{CANARY}@example.com", "phone": "+50371234567"}
    for whose, more in (("r1", {}), ("r2", {"property_id": THEIRS, "guest": guest})):
        await process_records(consumer, [record_of(request(whose, **more))])
        for answer in (RoomsHeld, PaymentReserved, RoomsBooked, PaymentCaptured):
            await process_records(consumer, [record_of(answer_of(answer, whose))])
    for whose, request_id in enumerate(("r1", "r2"), 1):
        asked = CheckIn(command_id=uuid(3, whose), booking_id=booking_id_of(request_id), who=CANARY)
        await process_records(consumer, [record_of(asked)])


async def _conversations(connection: Connection, _: Processor) -> None:
    for whose, property_id in enumerate((OURS, THEIRS), 1):
        said = "hello" if property_id == OURS else f"hello {CANARY}"
        await connection.execute(
            "INSERT INTO threads (id, contact, property_id, room, booking_id, name, participants, first_message_at,"
            " created_at, last_message_at) VALUES ($1, '+50371234567', $2, '18', $3, $4, '{}', now(), now(), now())",
            uuid(4, whose),
            property_id,
            uuid(1, whose),
            said,
        )
        await connection.execute(
            "INSERT INTO messages (thread_id, channel, message_id, author, text, sent_at, received_at, sender)"
            " VALUES ($1, 'whatsapp', $2, 'tenant', $3, now(), now(), '+50371234567')",
            uuid(4, whose),
            f"m{whose}",
            said,
        )
        await connection.execute(
            "INSERT INTO replies (id, thread_id, idempotency_key, author, text, channel, provider, recipient, status,"
            " created_at) VALUES ($1, $2, $3, 'manager', $4, 'whatsapp', 'local', '+50371234567', 'sent', now())",
            uuid(5, whose),
            uuid(4, whose),
            f"k{whose}",
            said,
        )


async def _notifications(connection: Connection, _: Processor) -> None:
    for whose, property_id in enumerate((OURS, THEIRS), 1):
        said = "hello" if property_id == OURS else CANARY
        await connection.execute(
            "INSERT INTO deliveries (booking_id, occasion, audience, channel, recipient, sender_name, subject, text,"
            " place, status, due_at, created_at, waits_since, property_id)"
            " VALUES ($1, $2, 'guest', 'email', 'ana@example.com', $2, $2, $2, 0, 'stored', now(), now(), now(), $3)",
            uuid(1, whose),
            said,
            property_id,
        )


async def _payments(connection: Connection, _: Processor) -> None:
    for whose, property_id in enumerate((OURS, THEIRS), 1):
        said, booking_id, payment_id = "ana" if property_id == OURS else CANARY, uuid(1, whose), uuid(2, whose)
        await connection.execute(
            "INSERT INTO payments (id, source, transfer_id, property_id, method, amount, currency, posted_on,"
            " arrived_at, payer) VALUES ($1, 'bank', $2, $3, 'bank_transfer', 50, 'USD', '2030-01-01', now(), $4)",
            payment_id,
            f"t{whose}",
            property_id,
            said,
        )
        await connection.execute(
            "INSERT INTO ledger (payment_id, kind, cause, amount, at) VALUES ($1, 'arrived', $1, 50, now())", payment_id
        )
        await connection.execute(
            "INSERT INTO payment_requests (booking_id, property_id, status, amount, currency, started_at, changed_at,"
            " next_attempt_at, method, slip_date, slip_amount, stage, attempt, refusal, payer)"
            " VALUES ($1, $2, 'escalated', 10, 'USD', now(), now(), now(), 'bank_transfer', '2030-01-01', 50, 1, 1,"
            ' \'{"code": "payment_not_found", "text": "…", "details": {}}\', $3)',
            booking_id,
            property_id,
            said,
        )
        await connection.execute(
            "INSERT INTO charges VALUES ($1, $2, 'charge', 1, 'USD', $3, $3, now())", uuid(6, whose), booking_id, said
        )
        await connection.execute(
            "INSERT INTO broken_lines (id, source, file, number, field, problem, remedy, line, found_at)"
            " VALUES ($1, 'bank', 'a.csv', $2, 'amount', '', '', $3, now())",
            uuid(9, whose),
            whose,
            said,
        )
        await connection.execute(
            "INSERT INTO orders VALUES ($1, 'stripe', $2, 1, 'USD', $3, now(), 'x', $4)",
            uuid(8, whose),
            property_id,
            said,
            f"https://pay.example/{said}",
        )


PLANTED: Mapping[str, Callable[[Connection, Processor], Awaitable[None]]] = {
    "availability": _availability,
    "booking": _booking,
    "conversations": _conversations,
    "notifications": _notifications,
    "payments": _payments,
}
KINDS = tuple(BY_KIND)
