"""Corrections of folios over HTTP: charges that are reversed, and refunds that somebody has to hand out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.payments.folio.api import FolioRecord, folio_of
from services.payments.folio.commands import HandOutRefund, ReverseCharge
from services.payments.folio.corrections import RefundState, Way
from services.payments.not_found import found
from services.payments.queries import Queries
from services.payments.transfers import DeskMethod
from shared.auth.access import signed
from shared.auth.authorization import CurrentCaller
from shared.contracts.common import Amount, Currency, Identifier, Name, PaymentMethod, Text
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.messages.incoming import RequestBody
from shared.settings import ServiceSettings


class Reversed(RequestBody):
    """Why a charge is not to be paid after all."""

    reason: Annotated[Text, Field(min_length=1)]
    staff: Name


class HandedOut(RequestBody):
    """How a refund reached the guest; `note` is for the books, such as a transfer's number."""

    way: Way
    note: Name | None = None
    staff: Name


SignedReversed = Annotated[Reversed, Depends(signed(Reversed, "staff"))]
SignedHandedOut = Annotated[HandedOut, Depends(signed(HandedOut, "staff"))]


class RefundRecord(BaseModel):
    """Money that goes back to a guest: due until somebody has handed it out. `method` and `payer` are the payment's."""

    refund_id: UUID
    payment_id: UUID
    booking_id: UUID | None
    property_id: str | None
    amount: Amount
    currency: Currency
    method: PaymentMethod | DeskMethod
    payer: str | None
    staff: str
    reason: str
    at: datetime
    state: RefundState
    way: Way | None
    note: str | None
    handed_out_by: str | None
    handed_out_at: datetime | None


def reading(queries: Queries) -> APIRouter:
    """The list of refunds."""
    routes = APIRouter(tags=["folios"])

    @routes.get("/refunds")
    async def refunds(
        property_id: Annotated[Identifier | None, Query(description="Of this property alone.")] = None,
        state: Annotated[RefundState | None, Query(description="Those to be handed out, or those that were.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[RefundRecord]:
        """Refunds, the oldest first: who gives money back to guests reads here what is still due."""
        rows = await queries.refunds(property_id, state, limit)
        return [RefundRecord.model_validate(dict(row)) for row in rows]

    return routes


def writing(queries: Queries, settings: ServiceSettings) -> APIRouter:
    """The endpoints for corrections; they need a token, on loopback too."""
    routes = APIRouter(tags=["folios"], dependencies=[Depends(require_role(settings))])

    @routes.post("/bookings/{booking_id}/charges/{charge_id}/reversal")
    async def reverse(
        booking_id: UUID, charge_id: UUID, reversed_: SignedReversed, caller: CurrentCaller, processor: CommandProcessor
    ) -> FolioRecord:
        """Take a charge back, as a whole and once, within the limit of the caller's role."""
        facts = reversed_.model_dump() | {"booking_id": booking_id, "charge_id": charge_id}
        await processor.execute(ReverseCharge(role=caller.role, **facts))
        return await folio_of(queries, booking_id)

    @routes.post("/payments/{payment_id}/refunds/{refund_id}/handout")
    async def hand_out(
        payment_id: UUID, refund_id: UUID, handed: SignedHandedOut, processor: CommandProcessor
    ) -> RefundRecord:
        """Note that a refund has reached the guest, and how."""
        await processor.execute(HandOutRefund(payment_id=payment_id, refund_id=refund_id, **handed.model_dump()))
        row = found(await queries.refund(refund_id), f"there is no refund {refund_id}")
        return RefundRecord.model_validate(dict(row))

    return routes
