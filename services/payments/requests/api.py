"""Requests for money over HTTP: those that wait, and whether a payment is there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.payments.lookup import Lookup
from services.payments.queries import Queries
from services.payments.requests.handlers import verify_payment
from services.payments.requests.record import RequestRecord, request_record
from shared.auth.access import ANONYMOUS
from shared.auth.authorization import CurrentCaller
from shared.consumer.routing import Prefetch
from shared.contracts.contact import TOKEN
from shared.contracts.payments import PaymentVerified, VerifyPayment

Limit = Annotated[int, Query(ge=1, le=1000, description="Most lines in the answer.")]


def router(lookup: Lookup, queries: Queries, prefetch: Prefetch) -> APIRouter:
    """The endpoints; `prefetch` reads the feeds before a payment is searched for."""
    routes = APIRouter()

    @routes.get("/payment-requests/waiting", tags=["payments"])
    async def waiting(limit: Limit = 100) -> list[RequestRecord]:
        """Requests whose money has not arrived, with stage, attempt and time of the next attempt."""
        return [request_record(row) for row in await queries.waiting(limit)]

    @routes.post("/payments/verify", tags=["folios"])
    async def verify(question: VerifyPayment, caller: CurrentCaller) -> PaymentVerified:
        """Whether a payment is there, by slip or by authorisation number; nothing is reserved.

        A payment that is found is named to the caller's token; a gateway's booking request cannot use its id.
        """
        await prefetch([question])
        question = question.sent_by("" if caller is ANONYMOUS else f"{TOKEN}{caller.subject}")
        uow = await lookup.question(question)
        visible = uow.hiding(await queries.of_others(list(uow.payments), caller.properties))
        (answer,) = verify_payment(visible, question, lookup.now())
        await lookup.keep_namings(visible)
        return PaymentVerified.model_validate(answer)

    return routes
