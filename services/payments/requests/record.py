"""A request for money as HTTP shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.payments.queries import Row
from services.payments.requests.request import Status
from shared.contracts.common import Amount, PaymentMethod


class RequestRecord(BaseModel):
    """A booking's request for money and the state of its search; `attempt` is the next one of `stage`."""

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


def request_record(row: Row) -> RequestRecord:
    """The request in a row, as it is shown."""
    return RequestRecord.model_validate(dict(row))
