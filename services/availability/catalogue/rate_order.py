"""Which of several rates for a night counts: the one of higher rank, of equal ones the more specific one.

A rate is more specific than another if it is narrower in one respect (the nights of its season, its weekdays, its type)
and wider in none. Two that cover one night with neither of higher rank nor more specific are a tie, which the catalogue
refuses: nobody could say which of them was meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

WEEK = 7
_ENDLESS = 10**6  # nights of a season without a beginning or an end: more than there are dates


@dataclass(frozen=True, slots=True)
class Rate:
    """What a night costs for each adult, child of 6 to 10, and extra bed. A condition that is None means any.

    `season` is the name that people give to its nights; of two rates for a night the one of higher `rank` counts.
    """

    package: str
    adult: Decimal
    child: Decimal
    extra_bed: Decimal
    type: str | None = None
    first: date | None = None
    last: date | None = None
    weekdays: frozenset[int] | None = None
    season: str | None = None
    rank: int = 0

    def serves(self, package: str, type_key: str, night: date) -> bool:
        """Whether the rate applies to this package, type and night; ISO weekdays, 1 is Monday."""
        return (
            self.package == package
            and self.type in {None, type_key}
            and (self.first is None or self.first <= night)
            and (self.last is None or night <= self.last)
            and (self.weekdays is None or night.isoweekday() in self.weekdays)
        )

    @property
    def width(self) -> tuple[int, int, int]:
        """How much it covers: nights of its season, weekdays, and whether any type."""
        nights = (self.last - self.first).days + 1 if self.first and self.last else _ENDLESS * _open_ends(self)
        return nights, WEEK if self.weekdays is None else len(self.weekdays), self.type is None

    @property
    def order(self) -> tuple[int, int, int, int]:
        """The largest counts. Where no tie was let in, this says the same as rank and width."""
        nights, days, any_type = self.width
        return self.rank, -nights, -days, -any_type

    @property
    def title(self) -> str:
        """Its conditions as text for people."""
        nights = self.first and f"from {self.first}", self.last and f"to {self.last}"
        days = "weekdays " + ",".join(map(str, sorted(self.weekdays))) if self.weekdays is not None else None
        named = [self.package, self.type, self.season, *nights, days]
        return " ".join(part for part in named if part) + f" (rank {self.rank})"


def _open_ends(rate: Rate) -> int:
    return (rate.first is None) + (rate.last is None)


def tie_of(rate: Rate, others: Iterable[Rate]) -> tuple[Rate, date] | None:
    """Another rate that covers a night alike, and the first such night; None where there is none."""
    for other in others:
        if rate.rank == other.rank and not _comparable(rate, other) and (night := _shared_night(rate, other)):
            return other, night
    return None


def _comparable(one: Rate, other: Rate) -> bool:
    """Whether one is narrower in some respect and wider in none."""
    pairs = list(zip(one.width, other.width, strict=True))
    narrower, wider = any(a < b for a, b in pairs), any(a > b for a, b in pairs)
    return narrower != wider


def _shared_night(one: Rate, other: Rate) -> date | None:
    """The first night that both rates serve for one package and type; None where there is none."""
    if one.package != other.package or (one.type and other.type and one.type != other.type):
        return None
    first = max((rate.first for rate in (one, other) if rate.first), default=date(2000, 1, 1))
    lasts = [rate.last for rate in (one, other) if rate.last]
    type_key = one.type or other.type or ""
    for later in range(WEEK):  # all weekdays: what is not shared within them is never shared
        night = first + timedelta(days=later)
        if lasts and night > min(lasts):
            return None
        if all(rate.serves(one.package, type_key, night) for rate in (one, other)):
            return night
    return None
