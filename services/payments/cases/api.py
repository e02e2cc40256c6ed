"""Cases over HTTP: what waits for the staff with everything known, and what they may decide."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.payments.api import RequestRecord, found, no_booking, request_record
from services.payments.cases.decision import Action
from services.payments.commands import ChooseTransfer, DeclinePayment
from services.payments.lookup import Lookup
from services.payments.queries import Queries
from services.payments.requests import replies
from shared.auth.access import signed
from shared.auth.judged import Calling
from shared.consumer.processor import Processor
from shared.contracts.common import Identifier, Name, Text
from shared.contracts.payments import MarkFrustrated, WithdrawPayment
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.messages.message import Message
from shared.settings import ServiceSettings


class Decided(BaseModel):
    """What a member of the staff decides, and why; the guest never reads the reason."""

    staff: Name
    reason: Text | None = None


class Choice(Decided):
    """The payment that the guest means."""

    payment_id: UUID


SignedDecided = Annotated[Decided, Depends(signed(Decided, "staff"))]
SignedChoice = Annotated[Choice, Depends(signed(Choice, "staff"))]


class RulingRecord(BaseModel):
    """A decision about a booking's money; `staff` is null where a gateway spoke for the guest."""

    action: Action
    at: datetime
    staff: str | None
    reason: str | None
    payment_id: UUID | None


class Case(BaseModel):
    """Everything known: the request, what the guest claims, each payment that came into question, what was decided."""

    request: RequestRecord
    claim: dict[str, str]
    verdict: str | None
    payments: list[dict[str, Any]]
    rulings: list[RulingRecord]


def reading(lookup: Lookup, reports: Queries) -> APIRouter:
    """The cases, to be read."""
    routes = APIRouter(tags=["cases"])

    @routes.get("/payment-cases")
    async def cases(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        property_id: Annotated[Identifier | None, Query(description="Of this property alone.")] = None,
    ) -> list[RequestRecord]:
        """What waits for the staff, the case whose time ends next first; `next_attempt_at` is when it ends."""
        return [request_record(row) for row in await reports.escalated(limit, property_id)]

    @routes.get("/bookings/{booking_id}/payment-case", responses={404: {"description": "No such booking."}})
    async def case(booking_id: UUID, caller: Calling) -> Case:
        """A booking's case as it is now; other properties' payments that came into question are not shown."""
        request, uow = await _request_of(reports, booking_id), await lookup.case(booking_id)
        known = uow.requests.get(booking_id)
        claim = known.claim if known else None
        decision = uow.decide(claim) if known and claim and known.is_open else None
        looked_at = decision.considered if decision else ()
        hidden = await reports.of_others([one.payment.id for one in looked_at], caller.properties)
        return Case(
            request=request,
            claim=replies.evidence(claim) if claim else {},
            verdict=decision.verdict.value if decision else None,
            payments=[replies.considered(one) for one in looked_at if one.payment.id not in hidden],
            rulings=[RulingRecord.model_validate(dict(row)) for row in await reports.rulings(booking_id)],
        )

    return routes


def deciding(reports: Queries, settings: ServiceSettings) -> APIRouter:
    """What may be decided; it asks for the token, on loopback as well."""
    routes = APIRouter(tags=["cases"], dependencies=[Depends(require_role(settings))])

    async def do(processor: Processor, command: Message, booking_id: UUID) -> RequestRecord:
        await processor.execute(command)
        return await _request_of(reports, booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/choice")
    async def choose(booking_id: UUID, choice: SignedChoice, processor: CommandProcessor) -> RequestRecord:
        """This payment is meant: reserve from it, and the booking goes on."""
        return await do(processor, ChooseTransfer(booking_id=booking_id, **choice.model_dump()), booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/refusal")
    async def decline(booking_id: UUID, decided: SignedDecided, processor: CommandProcessor) -> RequestRecord:
        """No payment is meant: the booking fails."""
        return await do(processor, DeclinePayment(booking_id=booking_id, **decided.model_dump()), booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/frustration")
    async def frustrate(booking_id: UUID, decided: SignedDecided, processor: CommandProcessor) -> RequestRecord:
        """The guest has lost patience: look once more and escalate."""
        return await do(processor, MarkFrustrated(booking_id=booking_id, **decided.model_dump()), booking_id)

    @routes.post("/bookings/{booking_id}/payment-case/withdrawal")
    async def withdraw(booking_id: UUID, decided: SignedDecided, processor: CommandProcessor) -> RequestRecord:
        """Give the search up: retries end, holds are released."""
        return await do(processor, WithdrawPayment(booking_id=booking_id, **decided.model_dump()), booking_id)

    return routes


async def _request_of(reports: Queries, booking_id: UUID) -> RequestRecord:
    return request_record(found(await reports.request(booking_id), no_booking(booking_id)))
