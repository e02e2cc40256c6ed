"""The ledger over HTTP, to read: a payment's entries, and whether they agree with the balances."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, HTTPException, status
from pydantic import BaseModel

from services.payments.queries import Queries
from services.payments.transfers.ledger import Kind
from shared.contracts.common import Amount


class EntryRecord(BaseModel):
    """One thing that happened to a payment; `staff` and `reason` where a person decided it. Times are UTC."""

    number: int
    kind: Kind
    amount: Amount
    at: datetime
    booking_id: UUID | None
    codes: list[str]
    staff: str | None
    reason: str | None


class AuditRecord(BaseModel):
    """Whether balances and ledger agree: payments seen, disagreements, and the first hundred of them in words."""

    agrees: bool
    payments: int
    disagreements: int
    examples: list[str]


def router(reports: Queries) -> APIRouter:
    """The endpoints; they come before those of payments, whose ids would take their words for ids."""
    routes = APIRouter(tags=["payments"])

    @routes.get("/payments/audit")
    async def audit() -> AuditRecord:
        """Hold every payment and every request against the ledger, as of one moment."""
        found = await reports.audit()
        return AuditRecord(agrees=not found.disagreements, **asdict(found))

    @routes.get("/payments/{payment_id}/entries", responses={404: {"description": "No such payment."}})
    async def entries(payment_id: UUID) -> list[EntryRecord]:
        """What happened to a payment, oldest first."""
        rows = await reports.entries(payment_id)
        if not rows:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no payment {payment_id}")
        return [EntryRecord.model_validate(dict(row)) for row in rows]

    return routes
