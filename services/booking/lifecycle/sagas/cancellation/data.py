"""What the end of a booking knows."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from services.booking.lifecycle.sagas.data import LifecycleData


class End(StrEnum):
    """How a booking ended."""

    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class CancellationData(LifecycleData):
    """An end with its fee, in `currency`; `rule` is the sentence of the policy that made it.

    `refund` is what payments gave back; None until it has said so.
    """

    end: End
    codes: tuple[str, ...]
    fee: Decimal
    rule: str
    currency: str
    outside: bool = False
    refund: Decimal | None = None
