"""A stay: its nights, and which dates make no stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from shared.contracts.common import Reason
from shared.errors import Refusal

LONGEST_NIGHTS = 365


@dataclass(frozen=True, slots=True, order=True)
class Stay:
    """The nights [check_in, check_out)."""

    check_in: date
    check_out: date

    @property
    def nights(self) -> int:
        """The number of nights."""
        return (self.check_out - self.check_in).days

    def __iter__(self) -> Iterator[date]:
        """The date on which each night begins."""
        return (self.check_in + timedelta(days=n) for n in range(self.nights))


def stay_from(check_in: date, check_out: date, today: date) -> Stay:
    """A stay that can be sold; `today` is the date at the property.

    Raises:
        Refusal: invalid_request, when it has no night, begins in the past or is longer than LONGEST_NIGHTS.
    """
    stay = Stay(check_in, check_out)
    if stay.nights < 1:
        raise _refusal("check_out", f"check_out {check_out} must be after check_in {check_in}")
    if check_in < today:
        raise _refusal("check_in", f"check_in {check_in} is in the past; the earliest is {today}")
    if stay.nights > LONGEST_NIGHTS:
        raise _refusal("check_out", f"{stay.nights} nights are too many; at most {LONGEST_NIGHTS} can be asked for")
    return stay


def _refusal(field: str, text: str) -> Refusal:
    return Refusal(Reason.INVALID_REQUEST, text, field=field)
