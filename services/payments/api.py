"""Payments over HTTP, to read: a payment, a booking's payments, the older flat list, and what is waited for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, status
from pydantic import BaseModel

from services.payments.queries import Queries, Row
from services.payments.requests.request import Status
from services.payments.requests.terms import Terms
from services.payments.transfers.payment import DeskMethod
from shared.auth.judged import Calling
from shared.auth.tokens import Caller
from shared.contracts.common import Amount, PaymentMethod

Limit = Annotated[int, Query(ge=1, le=1000, description="Most lines in the answer.")]


class Served(BaseModel):
    """A booking that a payment serves, or served until it was released."""

    booking_id: UUID
    status: Status
    amount: Amount
    codes: list[str]
    found_later: bool
    changed_at: datetime


class PaymentRecord(BaseModel):
    """A payment: what arrived, how much of it is promised or taken, for which bookings. Times are UTC."""

    payment_id: UUID
    source: str
    transfer_id: str
    property_id: str | None
    method: PaymentMethod | DeskMethod
    amount: Amount
    currency: str
    posted_on: date
    payer: str | None
    reference: str | None
    authorization_number: str | None
    arrived_at: datetime
    reserved: Amount
    captured: Amount
    refunded: Amount
    left: Amount
    codes: list[str]
    bookings: list[Served]


class FlatPayment(BaseModel):
    """A payment as older reports list it: one line, the codes in one text, the date where the property is."""

    payment_id: UUID
    authorization_or_id: str
    amount: Amount
    currency: str
    posted_on: date
    used: bool
    codes: str
    date_used: date | None


class RequestRecord(BaseModel):
    """What a booking asked of payments and how far the search is; `attempt` is the next one of `stage`."""

    booking_id: UUID
    status: Status
    property_id: str | None
    amount: Amount | None
    currency: str | None
    method: PaymentMethod | None
    started_at: datetime
    stage: int | None
    attempt: int | None
    next_attempt_at: datetime | None
    found_later: bool
    codes: list[str]
    refusal: dict[str, Any] | None


class BookingPayments(BaseModel):
    """A booking's request, and the payments that serve it."""

    request: RequestRecord
    payments: list[PaymentRecord]


def router(reports: Queries, terms: Terms) -> APIRouter:
    """The endpoints; dates are told where the property is."""
    routes = APIRouter(tags=["payments"])

    @routes.get("/payments/flat")
    async def flat(
        after: UUID | None = None, posted_from: date | None = None, posted_to: date | None = None, limit: Limit = 100
    ) -> list[FlatPayment]:
        """The older flat list, ordered by payment id; give the last id as `after` to read on."""
        rows = await reports.flat(after, posted_from, posted_to, limit)
        return [_flat(row, terms) for row in rows]

    @routes.get("/payments/{payment_id}", responses={404: {"description": "No such payment."}})
    async def payment(payment_id: UUID, caller: Calling) -> PaymentRecord:
        """One payment with the bookings that it serves."""
        record = await _payment(reports, payment_id, caller)
        if record is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no payment {payment_id}")
        return record

    @routes.get("/bookings/{booking_id}/payments", responses={404: {"description": "Payments knows no such booking."}})
    async def payments_of_booking(booking_id: UUID, caller: Calling) -> BookingPayments:
        """A booking's request, and the payments that serve it; of other bookings those of the caller's properties."""
        row = await reports.request(booking_id)
        if row is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"booking {booking_id} has asked for no payment")
        payments = [await _record(reports, paid, caller) for paid in await reports.paid_with(booking_id)]
        return BookingPayments(request=request_record(row), payments=payments)

    @routes.get("/payment-requests/waiting")
    async def waiting(limit: Limit = 100) -> list[RequestRecord]:
        """Requests whose money has not arrived, with stage, attempt and next time."""
        return [request_record(row) for row in await reports.waiting(limit)]

    return routes


async def _payment(reports: Queries, payment_id: UUID, caller: Caller) -> PaymentRecord | None:
    row = await reports.payment(payment_id)
    return await _record(reports, row, caller) if row else None


async def _record(reports: Queries, row: Row, caller: Caller) -> PaymentRecord:
    served = [dict(one) for one in await reports.served_by(row["id"])]
    seen = [one for one in served if caller.may_touch([one["property_id"]])]
    # A reservation code is another property's secret as well.
    codes = row["codes"] if len(seen) == len(served) else [code for one in seen for code in one["codes"]]
    return PaymentRecord(
        **{name: row[name] for name in PaymentRecord.model_fields if name in row.keys()}  # noqa: SIM118
        | {"payment_id": row["id"], "property_id": row["property_id"] or None, "left": row["left_over"]}
        | {"codes": codes},
        bookings=[Served.model_validate(one) for one in seen],
    )


def request_record(row: Row) -> RequestRecord:
    """A request as it is shown."""
    return RequestRecord.model_validate(dict(row))


def _flat(row: Row, terms: Terms) -> FlatPayment:
    used_at = row["captured_at"] if row["used"] else None
    return FlatPayment(
        payment_id=row["id"],
        authorization_or_id=row["number"],
        amount=row["amount"],
        currency=row["currency"],
        posted_on=row["posted_on"],
        used=row["used"],
        codes=", ".join(row["codes"]) or "N/A",
        date_used=used_at.astimezone(terms.of(row["used_in"] or "").zone).date() if used_at else None,
    )


def found(row: Any, what: str) -> Any:
    """The row, or 404 with what there is not."""
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, what)
    return row


def no_booking(booking_id: UUID) -> str:
    """The detail of a 404 about a booking that payments does not know."""
    return f"booking {booking_id} has asked for no payment"
