"""What is recorded of a booking as the saga of its request goes on: its row, its stays, and lines of the audit log."""

from __future__ import annotations

from datetime import datetime

from services.booking.record import Action, BookingRow, Entry, Status, Stay, StayStatus
from services.booking.requests.saga.data import RequestData
from services.booking.unit_of_work import StatusChange
from shared.contracts.common import Occupants

ACTIONS = {
    Status.PENDING: Action.CREATE,
    Status.CONFIRMED: Action.CONFIRM,
    Status.REJECTED: Action.REJECT,
    Status.CANCELLED: Action.CANCEL,
    Status.FAILED: Action.UPDATE,
}


def booking_row(change: StatusChange) -> BookingRow:
    """The row of a booking whose status changed."""
    data, request = change.saga.data, change.saga.data.request
    confirmed = change.new is Status.CONFIRMED
    return BookingRow(
        id=data.booking_id,
        request_id=request.request_id,
        property_id=data.property.id,
        status=change.new,
        source="CHAT",
        guest_name=request.guest.name,
        guest_email=request.guest.email,
        guest_phone=request.guest.phone or request.contact.wa_id,
        check_in=request.check_in,
        check_out=request.check_out,
        package=request.package,
        number_of_rooms=len(data.rooms) or len(request.rooms),
        total=data.total,
        currency=data.currency,
        confirmation_number=data.reservation_codes()[0] if confirmed else None,
        reason=change.saga.progress.reason or None,
        created_at=change.saga.started_at,
        paid=data.total if confirmed else None,
        terms=data.terms,
    )


def stays_of(data: RequestData) -> list[Stay]:
    """The stays of a booking that is confirmed."""
    same = ("line", "room", "type_label", "extra_beds", "amount", "first_night", *Occupants.model_fields)
    return [
        Stay(
            code=data.codes[room.line],
            booking_id=data.booking_id,
            status=StayStatus.CONFIRMED,
            room_type=room.type,
            **{name: getattr(room, name) for name in same},
        )
        for room in data.rooms
    ]


def audit_entry(change: StatusChange, now: datetime) -> Entry:
    """The line of the audit log about a booking whose status changed."""
    changes = [{"field": "status", "old": change.old, "new": change.new}]
    return Entry(change.saga.id, now, change.who, ACTIONS[change.new], changes, change.why)
