"""The events of a request: its one outcome, always under the same event id, and what comes before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from services.booking.record import policy_text
from services.booking.requests import texts
from services.booking.requests.saga.data import RequestData
from shared.contracts.booking import (
    BookedRoom,
    BookingConfirmed,
    BookingFailed,
    BookingRefused,
    MissedRoom,
    PaymentSearchStarted,
    PropertyFacts,
    RequestInvalid,
)
from shared.contracts.booking.lifecycle import PaymentEscalated
from shared.contracts.common import Reason, RefusalDetails
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import PaymentAwaited
from shared.messages.message import Outgoing
from shared.saga.state import Progress, Verdict
from shared.saga.table import Rejection


def confirmed(data: RequestData, at: datetime) -> Outgoing:
    """Every room with its code. `at` is when it was decided, so that a repetition says the same."""
    if data.total is None or data.currency is None:
        raise ValueError(f"booking {data.booking_id} has no price")
    rooms = tuple(BookedRoom(code=data.codes[room.line], **room.model_dump()) for room in data.rooms)
    missed = tuple(MissedRoom(**room.model_dump()) for room in data.failed)
    request = data.request
    event = BookingConfirmed(
        **_facts(data, at),
        text=texts.confirmed(data, rooms),
        package=request.package,
        rooms=rooms,
        number_of_rooms=len(rooms),
        missed=missed,
        total=data.total,
        currency=data.currency,
        payment_found_later=data.found_later,
        instructions=request.instructions,
        cancellation_policy=policy_text(data.terms, request.language),
    )
    return Outgoing(event, id=outcome_id(data.booking_id))


def not_booked(data: RequestData, rejection: Rejection, at: datetime) -> Outgoing:
    """Nothing booked, nothing charged, and why."""
    kind = BookingFailed if rejection.verdict is Verdict.FAILED else BookingRefused
    refusal = RefusalDetails(reason=rejection.reason, text=rejection.text, details=dict(rejection.details))
    event = kind(**_facts(data, at), text=texts.refused(data, refusal), refusal=refusal)
    return Outgoing(event, id=outcome_id(data.booking_id))


def again(data: RequestData, progress: Progress) -> Outgoing | None:
    """The outcome again, as it was first published; None while there is none."""
    if progress.decided_at is None:
        return None
    if progress.verdict is Verdict.DONE:
        return confirmed(data, progress.decided_at)
    return not_booked(
        data, Rejection(progress.verdict, progress.reason, progress.text, progress.details), progress.decided_at
    )


def search_started(data: RequestData, reply: PaymentAwaited, at: datetime) -> PaymentSearchStarted:
    """The payment is being looked for."""
    return PaymentSearchStarted(
        **_facts(data, at),
        text=texts.search_started(data),
        stage=reply.stage,
        next_attempt_at=reply.next_attempt_at,
        rooms_kept=not data.freed,
    )


def escalated(data: RequestData, at: datetime) -> Outgoing:
    """Staff have the case; published once for a booking, under one id."""
    event = PaymentEscalated(**_facts(data, at), text=texts.escalated(data))
    return Outgoing(event, id=str(uuid5(data.booking_id, "payment escalated")))


def rooms_gone(data: RequestData, rejection: Rejection) -> Outgoing:
    """A case for a person: the guest has paid, and the rooms that were freed meanwhile are not to be had."""
    request = data.request
    details = {
        "reason": rejection.reason,
        "request_id": request.request_id,
        "property_id": data.property.id,
        "check_in": request.check_in.isoformat(),
        "check_out": request.check_out.isoformat(),
        "rooms": [room.type_label for room in data.rooms],
        "payment_id": data.payment_id,
        "total": str(data.total),
        "currency": data.currency,
    }
    text = (
        f"The payment of {data.total} {data.currency} was found, but the {len(data.rooms)} rooms that were freed"
        " meanwhile could not be held again. Nothing is booked or charged, the money is untouched: offer other rooms or"
        " dates, or refund it."
    )
    alert = StaffAlerted(booking_id=data.booking_id, code=Reason.ROOMS_GONE, text=text, details=details)
    return Outgoing(alert, id=str(uuid5(data.booking_id, Reason.ROOMS_GONE)))


def invalid(message: RequestInvalid, property_facts: PropertyFacts, at: datetime) -> Outgoing:
    """The answer to a request that does not fit its model; the same for the same problems."""
    event = BookingRefused(
        booking_id=message.booking_id,
        request_id=message.request_id,
        property=property_facts,
        language=message.language,
        text=texts.invalid(message),
        at=at,
        refusal=message.refusal,
    )
    return Outgoing(event, id=str(uuid5(message.booking_id, f"invalid {message.refusal.text}")))


def outcome_id(booking_id: UUID) -> str:
    """The event id of a booking's outcome: a repetition is known as one."""
    return str(uuid5(booking_id, "outcome"))


def _facts(data: RequestData, at: datetime) -> dict[str, Any]:
    request = data.request
    return {
        "booking_id": data.booking_id,
        "request_id": request.request_id,
        "property": data.property,
        "language": request.language,
        "guest": request.guest,
        "contact": request.contact,
        "check_in": request.check_in,
        "check_out": request.check_out,
        "ignored": request.ignored or None,
        "at": at,
    }
