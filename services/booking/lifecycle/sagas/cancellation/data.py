"""What the end of a booking knows."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from services.booking.lifecycle.sagas.data import LifecycleData


class End(StrEnum):
    """How a booking ended."""

    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class EndData(LifecycleData):
    """The end of a booking or of single stays with its fee, in `currency`.

    `refund` is what payments gave back; None until it has said so.
    """

    end: End
    fee: Decimal
    currency: str
    refund: Decimal | None = None


E = TypeVar("E", bound=EndData)


class CancellationData(EndData):
    """The end of a booking; `rule` is the sentence of the policy that made its fee."""

    codes: tuple[str, ...]
    rule: str
    outside: bool = False
