"""What a cancellation costs: free until so many hours before check-in, then the first night or a percentage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.errors import Refusal

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")


class Rule(StrEnum):
    """Which rule of a policy made the fee."""

    FREE = "free"
    FIRST_NIGHT = "first_night"
    PERCENTAGE = "percentage"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class CancellationTerms:
    """A cancellation policy as a booking keeps it, whatever becomes of the policy later.

    Free of charge until `free_hours` before check-in (None: never free); later the first night, else `percentage` of
    the total, from 0 to 100.
    """

    name: str
    free_hours: int | None = None
    first_night: bool = False
    percentage: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Fee:
    """What a cancellation costs, in the booking's currency: the rule, what it was reckoned on, and what it came to."""

    rule: Rule
    base: Decimal
    fee: Decimal

    def refund(self, paid: Decimal, charges: Decimal = NOTHING) -> Decimal:
        """What comes back of what was paid: less the fee and what else it costs, never below zero."""
        return max(NOTHING, paid - self.fee - charges)


def check_in_moment(day: date, at: time, zone: str) -> datetime:
    """When guests may arrive, by the property's own clocks."""
    return datetime.combine(day, at, ZoneInfo(zone))


def fee_of(
    terms: CancellationTerms | None, total: Decimal, first_night: Decimal, arrival: datetime, now: datetime
) -> Fee:
    """What it costs to cancel now; a booking without a policy costs nothing to cancel.

    `arrival` is the moment of check-in. The fee is never more than the total.
    """
    if terms is None or _is_free(terms, arrival, now):
        return Fee(Rule.FREE, total, NOTHING)
    if terms.first_night:
        return Fee(Rule.FIRST_NIGHT, first_night, min(first_night, total))
    share = (total * terms.percentage / 100).quantize(CENT, ROUND_HALF_UP)
    return Fee(Rule.PERCENTAGE, total, min(share, total))


def named_fee(total: Decimal, wanted: Decimal, policy: Decimal, leeway: Decimal | None) -> Fee:
    """A fee that the staff names, at most `leeway` from the policy's; None: any.

    Raises:
        Refusal: fee_too_high, where it is more than the booking costs; fee_over_limit.
    """
    if wanted > total:
        raise Refusal("fee_too_high", f"fee: {wanted} is more than the booking costs, {total}", field="fee")
    if leeway is not None and abs(wanted - policy) > leeway:
        text = (
            f"fee: {wanted:.2f} is more than this role's limit of {leeway:.2f} away from the policy's {policy:.2f}:"
            " leave it out, or ask somebody with a higher role, under a new command_id"
        )
        raise Refusal("fee_over_limit", text, field="fee", limit=f"{leeway:.2f}", policy=f"{policy:.2f}")
    return Fee(Rule.STAFF, total, wanted.quantize(CENT))


def _is_free(terms: CancellationTerms, arrival: datetime, now: datetime) -> bool:
    return terms.free_hours is not None and now <= arrival - timedelta(hours=terms.free_hours)
