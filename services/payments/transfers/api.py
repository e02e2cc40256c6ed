"""Payments over HTTP, for reading: a payment, its ledger, a booking's payments, and the older flat list."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.payments.not_found import found, no_booking, no_payment
from services.payments.queries import Queries, Row
from services.payments.requests import RequestRecord, Status, Terms, request_record
from services.payments.transfers.ledger import Kind
from services.payments.transfers.payment import DeskMethod
from shared.auth.authorization import CurrentCaller
from shared.auth.tokens import Caller
from shared.contracts.common import Amount, PaymentMethod

Limit = Annotated[int, Query(ge=1, le=1000, description="Most lines in the answer.")]


class Served(BaseModel):
    """A booking that a payment serves, or served before it was released."""

    booking_id: UUID
    status: Status
    amount: Amount
    codes: list[str]
    found_later: bool
    changed_at: datetime


class PaymentRecord(BaseModel):
    """A payment: the money that arrived, how much of it is used, and by which bookings. Times are UTC."""

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
    reversed: Amount
    left: Amount
    codes: list[str]
    bookings: list[Served]


class FlatPayment(BaseModel):
    """A payment as older reports list it: the codes in one text, the date of its use at the property."""

    payment_id: UUID
    authorization_or_id: str
    amount: Amount
    currency: str
    posted_on: date
    used: bool
    codes: str
    date_used: date | None


class BookingPayments(BaseModel):
    """A booking's request, and the payments that serve it."""

    request: RequestRecord
    payments: list[PaymentRecord]


class EntryRecord(BaseModel):
    """An entry of the ledger; with `staff` and `reason` when a person decided it. Times are UTC."""

    number: int
    kind: Kind
    amount: Amount
    at: datetime
    booking_id: UUID | None
    codes: list[str]
    staff: str | None
    reason: str | None


class AuditRecord(BaseModel):
    """Whether balances and ledger agree: payments read, disagreements, and sentences about the first hundred."""

    agrees: bool
    payments: int
    disagreements: int
    examples: list[str]


def router(queries: Queries, terms: Terms) -> APIRouter:
    """The endpoints. Dates are the property's. Fixed paths come before those with an id."""
    routes = APIRouter(tags=["payments"])

    @routes.get("/payments/audit")
    async def audit() -> AuditRecord:
        """Compare every payment and every request with the ledger, as of one moment."""
        found = await queries.audit()
        return AuditRecord(agrees=not found.disagreements, **asdict(found))

    @routes.get("/payments/flat")
    async def flat(
        after: UUID | None = None, posted_from: date | None = None, posted_to: date | None = None, limit: Limit = 100
    ) -> list[FlatPayment]:
        """The older flat list, ordered by payment id; give the last id as `after` to read on."""
        rows = await queries.flat(after, posted_from, posted_to, limit)
        return [_flat(row, terms) for row in rows]

    @routes.get("/payments/{payment_id}", responses={404: {"description": "No such payment."}})
    async def payment(payment_id: UUID, caller: CurrentCaller) -> PaymentRecord:
        """One payment with the bookings that it serves."""
        row = found(await queries.payment(payment_id), no_payment(payment_id))
        return await _record(queries, row, caller)

    @routes.get("/payments/{payment_id}/entries", responses={404: {"description": "No such payment."}})
    async def entries(payment_id: UUID) -> list[EntryRecord]:
        """What happened to a payment, oldest first."""
        rows = found(await queries.entries(payment_id) or None, no_payment(payment_id))
        return [EntryRecord.model_validate(dict(row)) for row in rows]

    @routes.get("/bookings/{booking_id}/payments", responses={404: {"description": "Payments knows no such booking."}})
    async def payments_of_booking(booking_id: UUID, caller: CurrentCaller) -> BookingPayments:
        """A booking's request and the payments that serve it; other bookings only of the caller's properties."""
        row = found(await queries.request(booking_id), no_booking(booking_id))
        payments = [await _record(queries, paid, caller) for paid in await queries.paid_with(booking_id)]
        return BookingPayments(request=request_record(row), payments=payments)

    return routes


async def _record(queries: Queries, row: Row, caller: Caller) -> PaymentRecord:
    served = [dict(request) for request in await queries.served_by(row["id"])]
    visible = [request for request in served if caller.may_touch([request["property_id"]])]
    # Reservation codes of another property are not shown either.
    codes = row["codes"] if len(visible) == len(served) else [code for request in visible for code in request["codes"]]
    return PaymentRecord(
        **{name: row[name] for name in PaymentRecord.model_fields if name in row.keys()}  # noqa: SIM118
        | {"payment_id": row["id"], "property_id": row["property_id"] or None, "left": row["left_over"]}
        | {"codes": codes},
        bookings=[Served.model_validate(request) for request in visible],
    )


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
