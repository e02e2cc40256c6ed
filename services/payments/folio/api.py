"""Folios over HTTP: a booking's balance, what the staff takes, charges and gives back; and verifying a payment."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.payments import handlers
from services.payments.api import found, no_booking
from services.payments.commands import AddCharge, RecordPayment, RefundPayment
from services.payments.folio.model import ChargeKind, Folio
from services.payments.lookup import Lookup
from services.payments.queries import Queries
from services.payments.transfers.payment import DeskMethod
from shared.auth.access import signed
from shared.auth.judged import Calling
from shared.consumer.routing import Prefetch
from shared.contracts.common import Amount, Currency, Day, Identifier, Name, Text
from shared.contracts.payments import PaymentVerified, VerifyPayment
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.settings import ServiceSettings

Money = Annotated[Amount, Field(gt=0)]


class ChargeRecord(BaseModel):
    """Something that a booking costs beside its rooms. Times are UTC."""

    id: UUID
    kind: ChargeKind
    amount: Amount
    reason: str
    staff: str
    at: datetime


class FolioRecord(BaseModel):
    """What a booking costs and what was paid for it; `balance` is what is owed, below zero what was paid too much."""

    booking_id: UUID
    currency: str | None
    total: Amount
    charges: Amount
    fees: Amount
    captured: Amount
    refunded: Amount
    balance: Decimal
    lines: list[ChargeRecord]


class TakenResponse(BaseModel):
    """Money taken at the desk; `payment_id` is chosen by the desk, the same again counts once."""

    payment_id: UUID
    method: DeskMethod
    amount: Money
    currency: Currency
    received_on: Day | None = None
    reference: Identifier | None = None
    payer: Name | None = None
    staff: Name


class Charged(BaseModel):
    """What a booking costs beside its rooms; `charge_id` is chosen by the desk, the same again counts once."""

    charge_id: UUID
    kind: ChargeKind = ChargeKind.CHARGE
    amount: Money
    currency: Currency
    reason: Annotated[Text, Field(min_length=1)]
    staff: Name


class GivenBack(BaseModel):
    """Money given back: with a booking what it paid, without what is left; all of it unless an amount is named.

    `refund_id` is chosen by the desk, the same again counts once.
    """

    refund_id: UUID
    booking_id: UUID | None = None
    amount: Money | None = None
    reason: Annotated[Text, Field(min_length=1)]
    staff: Name


SignedTaken = Annotated[TakenResponse, Depends(signed(TakenResponse, "staff"))]
SignedCharged = Annotated[Charged, Depends(signed(Charged, "staff"))]
SignedGivenBack = Annotated[GivenBack, Depends(signed(GivenBack, "staff"))]


class Refunded(BaseModel):
    """A payment after a refund."""

    payment_id: UUID
    refunded: Amount
    left: Amount


def reading(lookup: Lookup, reports: Queries, prefetch: Prefetch) -> APIRouter:
    """A booking's balance, and whether a payment is there, which the feeds are read for first."""
    routes = APIRouter(tags=["folios"])

    @routes.get("/bookings/{booking_id}/balance", responses={404: {"description": "No such booking."}})
    async def balance(booking_id: UUID) -> FolioRecord:
        """Total, charges and fees, less what was captured, and what was refunded."""
        return await _folio(reports, booking_id)

    @routes.post("/payments/verify")
    async def verify(ask: VerifyPayment, caller: Calling) -> PaymentVerified:
        """Whether a payment is there, by slip or by authorisation number; it reserves nothing."""
        await prefetch([ask])
        uow = await lookup.question(ask)
        others = await reports.of_others(list(uow.payments), caller.properties)
        (answer,) = handlers.verify_payment(uow.without(others), ask, lookup.now())
        return PaymentVerified.model_validate(answer)

    return routes


def writing(lookup: Lookup, reports: Queries, settings: ServiceSettings) -> APIRouter:
    """What the staff takes, charges and gives back; it asks for the token, on loopback as well."""
    routes = APIRouter(tags=["folios"], dependencies=[Depends(require_role(settings))])

    @routes.post("/bookings/{booking_id}/payments")
    async def take(booking_id: UUID, taken: SignedTaken, processor: CommandProcessor) -> FolioRecord:
        """Money taken at the desk; a booking that waits for all of its money goes on with it."""
        facts = taken.model_dump() | {"received_on": taken.received_on or await _today(lookup, reports, booking_id)}
        await processor.execute(RecordPayment(booking_id=booking_id, **facts))
        return await _folio(reports, booking_id)

    @routes.post("/bookings/{booking_id}/charges")
    async def charge(
        booking_id: UUID, charged: SignedCharged, caller: Calling, processor: CommandProcessor
    ) -> FolioRecord:
        """Something that the booking costs beside its rooms, within the limit of the caller's role."""
        await processor.execute(AddCharge(booking_id=booking_id, role=caller.role, **charged.model_dump()))
        return await _folio(reports, booking_id)

    @routes.post("/payments/{payment_id}/refunds")
    async def refund(
        payment_id: UUID, given: SignedGivenBack, caller: Calling, processor: CommandProcessor
    ) -> Refunded:
        """Money given back, with its reason, within the limit of the caller's role."""
        await processor.execute(RefundPayment(payment_id=payment_id, role=caller.role, **given.model_dump()))
        row = found(await reports.payment(payment_id), f"there is no payment {payment_id}")
        return Refunded(payment_id=payment_id, refunded=row["refunded"], left=row["left_over"])

    return routes


async def _today(lookup: Lookup, reports: Queries, booking_id: UUID) -> date:
    row = await reports.request(booking_id)
    return lookup.today((row["property_id"] if row else None) or "")


async def _folio(reports: Queries, booking_id: UUID) -> FolioRecord:
    row = found(await reports.folio(booking_id), no_booking(booking_id))
    folio = Folio(*(row[name] for name in ("total", "charges", "fees", "captured", "refunded")))
    lines = [ChargeRecord.model_validate(dict(line)) for line in await reports.charges(booking_id)]
    sums = asdict(folio) | {"balance": folio.balance}
    return FolioRecord(booking_id=booking_id, currency=row["currency"], **sums, lines=lines)
