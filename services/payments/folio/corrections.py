"""What corrects a folio later: a charge that is reversed, and a refund that somebody has handed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Way(StrEnum):
    """How a refund reached the guest: the way the money came, in cash, by transfer, or as credit for later."""

    SAME = "same"
    CASH = "cash"
    TRANSFER = "transfer"
    CREDIT = "credit"


class RefundState(StrEnum):
    """Where a refund is: somebody has to hand it out, or somebody has."""

    DUE = "due"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ChargeReversal:
    """A charge that is not to be paid after all: a row of `charge_reversals`. `id` is the charge's; `at` is in UTC."""

    id: UUID
    booking_id: UUID
    staff: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Handout:
    """A refund that somebody has handed out: a row of `handouts`. `id` is the refund's; `at` is in UTC."""

    id: UUID
    payment_id: UUID
    way: Way
    staff: str
    note: str | None
    at: datetime
