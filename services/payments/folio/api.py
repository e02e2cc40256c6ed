"""Folios over HTTP: a booking's balance, and the payments, charges and refunds that staff enter."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.payments.folio.commands import AddCharge, RecordPayment, RefundPayment
from services.payments.folio.model import ChargeKind, Folio
from services.payments.lookup import Lookup
from services.payments.not_found import found, no_booking
from services.payments.queries import Queries
from services.payments.transfers import DeskMethod
from shared.auth.access import signed
from shared.auth.authorization import CurrentCaller
from shared.contracts.common import Amount, Currency, Day, Describing, DescribingName, Name, Text
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.messages.incoming import RequestBody
from shared.settings import ServiceSettings

Money = Annotated[Amount, Field(gt=0)]


class ChargeRecord(BaseModel):
    """Something that a booking costs beside its rooms, unless it was reversed. Times are UTC."""

    id: UUID
    kind: ChargeKind
    amount: Amount
    reason: str
    staff: str
    at: datetime
    reversed_at: datetime | None = None
    reversed_by: str | None = None
    reversed_because: str | None = None


class FolioRecord(BaseModel):
    """What a booking costs and what was paid for it; `balance` is what is owed, below zero when too much was paid."""

    booking_id: UUID
    currency: str | None
    total: Amount
    charges: Amount
    fees: Amount
    captured: Amount
    refunded: Amount
    balance: Decimal
    lines: list[ChargeRecord]


class TakenResponse(RequestBody):
    """Money that staff took; the caller chooses `payment_id`, and the same id counts once."""

    payment_id: UUID
    method: DeskMethod
    amount: Money
    currency: Currency
    received_on: Day | None = None
    reference: Describing = None
    payer: DescribingName = None
    staff: Name


class Charged(RequestBody):
    """Something that a booking costs beside its rooms; the caller chooses `charge_id`, the same id counts once."""

    charge_id: UUID
    kind: ChargeKind = ChargeKind.CHARGE
    amount: Money
    currency: Currency
    reason: Annotated[Text, Field(min_length=1)]
    staff: Name


class GivenBack(RequestBody):
    """A refund: of what the booking paid, or without a booking of what is left; all of it unless an amount is named.

    The caller chooses `refund_id`, and the same id counts once. It stays due until somebody has handed it out.
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


def reading(queries: Queries) -> APIRouter:
    """The endpoint for reading a booking's balance."""
    routes = APIRouter(tags=["folios"])

    @routes.get("/bookings/{booking_id}/balance", responses={404: {"description": "No such booking."}})
    async def balance(booking_id: UUID) -> FolioRecord:
        """A booking's folio: its price, charges and fees, what was captured and refunded, and the balance."""
        return await folio_of(queries, booking_id)

    return routes


def writing(lookup: Lookup, queries: Queries, settings: ServiceSettings) -> APIRouter:
    """The endpoints for payments, charges and refunds; they need a token, on loopback too."""
    routes = APIRouter(tags=["folios"], dependencies=[Depends(require_role(settings))])

    @routes.post("/bookings/{booking_id}/payments")
    async def take(booking_id: UUID, taken: SignedTaken, processor: CommandProcessor) -> FolioRecord:
        """Record money that staff took; a booking that waits for all of its money goes on with it."""
        facts = taken.model_dump() | {"received_on": taken.received_on or await _today(lookup, queries, booking_id)}
        await processor.execute(RecordPayment(booking_id=booking_id, **facts))
        return await folio_of(queries, booking_id)

    @routes.post("/bookings/{booking_id}/charges")
    async def charge(
        booking_id: UUID, charged: SignedCharged, caller: CurrentCaller, processor: CommandProcessor
    ) -> FolioRecord:
        """Charge something that the booking costs beside its rooms, within the limit of the caller's role."""
        await processor.execute(AddCharge(booking_id=booking_id, role=caller.role, **charged.model_dump()))
        return await folio_of(queries, booking_id)

    @routes.post("/payments/{payment_id}/refunds")
    async def refund(
        payment_id: UUID, given: SignedGivenBack, caller: CurrentCaller, processor: CommandProcessor
    ) -> Refunded:
        """Refund money, with a reason, within the limit of the caller's role."""
        await processor.execute(RefundPayment(payment_id=payment_id, role=caller.role, **given.model_dump()))
        row = found(await queries.payment(payment_id), f"there is no payment {payment_id}")
        return Refunded(payment_id=payment_id, refunded=row["refunded"], left=row["left_over"])

    return routes


async def _today(lookup: Lookup, queries: Queries, booking_id: UUID) -> date:
    row = await queries.request(booking_id)
    return lookup.today((row["property_id"] if row else None) or "")


async def folio_of(queries: Queries, booking_id: UUID) -> FolioRecord:
    """A booking's folio.

    Raises:
        HTTPException: 404, when payments knows no such booking.
    """
    row = found(await queries.folio(booking_id), no_booking(booking_id))
    folio = Folio(*(row[name] for name in ("total", "charges", "fees", "captured", "refunded")))
    lines = [ChargeRecord.model_validate(dict(line)) for line in await queries.charges(booking_id)]
    sums = asdict(folio) | {"balance": folio.balance}
    return FolioRecord(booking_id=booking_id, currency=row["currency"], **sums, lines=lines)
