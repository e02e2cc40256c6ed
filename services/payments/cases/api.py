"""Cases over HTTP: what waits for staff, with everything known, and their decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.payments.cases.commands import ChooseTransfer, DeclinePayment
from services.payments.lookup import Lookup
from services.payments.not_found import found, no_booking
from services.payments.queries import Queries
from services.payments.requests import Action, RequestRecord, request_record
from shared.auth.access import signed
from shared.auth.authorization import CurrentCaller
from shared.consumer.processor import Processor
from shared.contracts.common import Identifier, Name, Text
from shared.contracts.payments import MarkFrustrated, WithdrawPayment
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.messages.incoming import RequestBody
from shared.messages.message import Message
from shared.settings import ServiceSettings


class Decided(RequestBody):
    """Who decides, and why. The guest never reads the reason."""

    staff: Name
    reason: Text | None = None


class Choice(Decided):
    """The payment that the guest means."""

    payment_id: UUID


SignedDecided = Annotated[Decided, Depends(signed(Decided, "staff"))]
SignedChoice = Annotated[Choice, Depends(signed(Choice, "staff"))]


class RulingRecord(BaseModel):
    """A decision about a booking's money; `staff` is null when a gateway decided for the guest."""

    action: Action
    at: datetime
    staff: str | None
    reason: str | None
    payment_id: UUID | None


class Case(BaseModel):
    """Everything known: the request, the guest's claim, each payment that was considered, and the decisions."""

    request: RequestRecord
    claim: dict[str, str]
    verdict: str | None
    payments: list[dict[str, Any]]
    rulings: list[RulingRecord]


def reading(lookup: Lookup, queries: Queries) -> APIRouter:
    """The endpoints for reading cases."""
    routes = APIRouter(tags=["cases"])

    @routes.get("/payment-cases")
    async def cases(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        property_id: Annotated[Identifier | None, Query(description="Of this property alone.")] = None,
    ) -> list[RequestRecord]:
        """Cases that wait for staff, those whose time ends first at the top; `next_attempt_at` is when it ends."""
        return [request_record(row) for row in await queries.escalated(limit, property_id)]

    @routes.get("/bookings/{booking_id}/payment-case", responses={404: {"description": "No such booking."}})
    async def case(booking_id: UUID, caller: CurrentCaller) -> Case:
        """A booking's case as it is now, without payments of other properties."""
        request, uow = await _request_of(queries, booking_id), await lookup.case(booking_id)
        known = uow.requests.get(booking_id)
        claim = known.claim if known else None
        matched = uow.match(claim) if known and claim and known.is_open else None
        payments = matched.considered if matched else ()
        hidden = await queries.of_others([considered.payment.id for considered in payments], caller.properties)
        return Case(
            request=request,
            claim=claim.facts() if claim else {},
            verdict=matched.verdict.value if matched else None,
            payments=[considered.facts() for considered in payments if considered.payment.id not in hidden],
            rulings=[RulingRecord.model_validate(dict(row)) for row in await queries.rulings(booking_id)],
        )

    return routes


def deciding(queries: Queries, settings: ServiceSettings) -> APIRouter:
    """The endpoints for decisions; they need a token, on loopback too."""
    routes = APIRouter(tags=["cases"], dependencies=[Depends(require_role(settings))])

    async def do(processor: Processor, command: Message, booking_id: UUID) -> RequestRecord:
        await processor.execute(command)
        return await _request_of(queries, booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/choice")
    async def choose(booking_id: UUID, choice: SignedChoice, processor: CommandProcessor) -> RequestRecord:
        """Decide that this payment is meant: the money is reserved and the booking goes on."""
        return await do(processor, ChooseTransfer(booking_id=booking_id, **choice.model_dump()), booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/refusal")
    async def decline(booking_id: UUID, decided: SignedDecided, processor: CommandProcessor) -> RequestRecord:
        """Decide that no payment is meant: the booking fails."""
        return await do(processor, DeclinePayment(booking_id=booking_id, **decided.model_dump()), booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/frustration")
    async def frustrate(booking_id: UUID, decided: SignedDecided, processor: CommandProcessor) -> RequestRecord:
        """The guest has lost patience: search once more, and escalate if nothing is found."""
        return await do(processor, MarkFrustrated(booking_id=booking_id, **decided.model_dump()), booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/withdrawal")
    async def withdraw(booking_id: UUID, decided: SignedDecided, processor: CommandProcessor) -> RequestRecord:
        """End the search: the holds are released and the booking ends."""
        return await do(processor, WithdrawPayment(booking_id=booking_id, **decided.model_dump()), booking_id)

    return routes


async def _request_of(queries: Queries, booking_id: UUID) -> RequestRecord:
    return request_record(found(await queries.request(booking_id), no_booking(booking_id)))
