"""HTTP to handler: the whole course of a booking, by its id or its request's, personal data masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from services.booking.record.rows import balance_of
from services.booking.repository import Repository
from services.booking.requests.saga.data import RequestData
from shared.contracts.booking import booking_id_of
from shared.database.pool import Database
from shared.safety.masking import masked, masked_name
from shared.saga.state import HistoryEntry, Progress, Verdict

_PRESENCE = ("checked_in_at", "checked_in_by", "checked_out_at", "checked_out_by")
_STAY = ("line", "room", "code", "amount", "status", *_PRESENCE)


class Room(BaseModel):
    """One room of a booking, as far as it is known: the stay that it is once it is confirmed. Times are UTC."""

    line: int
    type: str
    room: str
    code: str | None
    amount: Decimal
    status: str | None = None
    checked_in_at: datetime | None = None
    checked_in_by: str | None = None
    checked_out_at: datetime | None = None
    checked_out_by: str | None = None


class AuditLine(BaseModel):
    """Who did what, when, and what it changed."""

    at: datetime
    who: str
    action: str
    changes: list[dict[str, Any]]
    reason: str | None = None


class Course(BaseModel):
    """A booking and how it came about."""

    booking_id: UUID
    request_id: str
    property_id: str
    status: str
    phase: str
    verdict: str
    reason: str
    text: str
    guest: dict[str, str | None]
    check_in: date
    check_out: date
    package: str
    rooms: list[Room]
    codes: list[str]
    total: Decimal | None
    currency: str | None
    charges: Decimal
    paid: Decimal | None
    fee: Decimal | None
    refund: Decimal | None
    balance: Decimal | None
    revision: int
    change_under_way: str | None
    payment_id: str | None
    started_at: datetime
    decided_at: datetime | None
    waiting_for: list[str]
    wake_at: datetime | None
    course: list[HistoryEntry]
    audit: list[AuditLine]


def router(database: Database, repository: Repository) -> APIRouter:
    """Booking's endpoints."""
    router = APIRouter(tags=["booking"])

    @router.get("/bookings/{booking_id}", responses={404: {}})
    async def booking(booking_id: UUID) -> Course:
        """A booking by its id."""
        async with database.connection() as connection:
            row = await repository.course(connection, booking_id)
        if row is None:
            raise HTTPException(404, f"no booking has the id {booking_id}")
        return _course(row)

    @router.get("/requests/{request_id:path}", responses={404: {}})
    async def request(request_id: str) -> Course:
        """A booking by the id that the gateway gave its request."""
        return await booking(booking_id_of(request_id))

    return router


def _course(row: dict[str, Any]) -> Course:
    progress = Progress.from_json(row["progress"])
    data = RequestData.model_validate(row["data"])
    return Course(
        booking_id=row["id"],
        request_id=row["request_id"],
        property_id=row["property_id"],
        status=row["status"],
        phase=row["phase"],
        verdict=progress.verdict,
        reason=progress.reason,
        text=progress.text,
        guest={
            "name": masked_name(row["guest_name"]),
            "email": masked(row["guest_email"]),
            "phone": row["guest_phone"] and masked(row["guest_phone"]),
        },
        check_in=row["check_in"],
        check_out=row["check_out"],
        package=row["package"],
        rooms=_rooms(row["stays"], data),
        codes=list(data.reservation_codes()) if progress.verdict is Verdict.DONE else [],
        total=row["total"],
        currency=row["currency"],
        **{name: row[name] for name in ("charges", "paid", "fee", "refund", "revision")},
        balance=balance_of(row),
        change_under_way=row["saga_name"],
        payment_id=data.payment_id,
        started_at=row["created_at"],
        decided_at=progress.decided_at,
        waiting_for=list(progress.pending),
        wake_at=progress.wake_at,
        course=list(progress.history),
        audit=[AuditLine(**line) for line in row["audit"]],
    )


def _rooms(stays: Sequence[Mapping[str, Any]], data: RequestData) -> list[Room]:
    """The stays as they are now; before there are any, what the saga holds."""
    if stays:
        return [Room(type=stay["room_type"], **{name: stay[name] for name in _STAY}) for stay in stays]
    return [Room(line=room.line, type=room.type, room=room.room, code=None, amount=room.amount) for room in data.rooms]
