"""Which of two rates for a night counts: never the one that happens to be written first."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.availability.catalogue.rate_order import Rate, tie_of

NEW_YEAR = date(2027, 1, 1)
DECEMBER = {"first": date(2026, 12, 1), "last": date(2026, 12, 31)}
CHRISTMAS = {"first": date(2026, 12, 20), "last": date(2027, 1, 5)}
SUNDAYS = {"weekdays": frozenset({7})}


def rate(adult: int = 1, **conditions: Any) -> Rate:
    return Rate("p", Decimal(adult), Decimal(0), Decimal(0), **conditions)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rate(), rate(type="junior")),
        (rate(**DECEMBER), rate(**CHRISTMAS)),
        (rate(first=DECEMBER["first"]), rate(**DECEMBER)),
        (rate(), rate(last=DECEMBER["last"])),
        (rate(weekdays=frozenset({6, 7})), rate(**SUNDAYS)),
        (rate(type="junior"), rate(type="junior", **DECEMBER)),
        (rate(type="junior", **SUNDAYS), rate(rank=1)),
        (rate(**CHRISTMAS), rate(rank=1, **DECEMBER)),
    ],
)
def test_the_second_counts_and_there_is_no_tie(one: Rate, other: Rate) -> None:
    assert max([one, other], key=lambda found: found.order) is other
    assert max([other, one], key=lambda found: found.order) is other
    assert tie_of(one, [other]) is None
    assert tie_of(other, [one]) is None


@pytest.mark.parametrize(
    ("one", "other", "night"),
    [
        (rate(type="junior"), rate(**DECEMBER), date(2026, 12, 1)),
        (rate(type="junior"), rate(**SUNDAYS), date(2000, 1, 2)),
        (rate(**DECEMBER), rate(**SUNDAYS), date(2026, 12, 6)),
        (rate(**DECEMBER), rate(first=date(2026, 12, 31), last=date(2027, 1, 30)), date(2026, 12, 31)),
        (rate(first=NEW_YEAR), rate(last=NEW_YEAR), NEW_YEAR),
        (rate(rank=3, type="junior"), rate(rank=3, **DECEMBER), date(2026, 12, 1)),
    ],
)
def test_these_two_are_a_tie(one: Rate, other: Rate, night: date) -> None:
    assert tie_of(one, [other]) == (other, night)
    assert tie_of(other, [one]) == (one, night)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rate(type="junior", **SUNDAYS), rate(type="familiar", **DECEMBER)),
        (rate(type="junior", first=NEW_YEAR), rate(last=NEW_YEAR - timedelta(days=1))),
        (rate(weekdays=frozenset({1}), type="junior"), rate(first=NEW_YEAR, last=NEW_YEAR)),  # a Friday
    ],
)
def test_two_that_share_no_night_are_no_tie(one: Rate, other: Rate) -> None:
    assert tie_of(one, [other]) is None


days = st.none() | st.integers(0, 20).map(lambda day: NEW_YEAR + timedelta(days=day))
rates = st.builds(
    Rate, st.just("p"), st.integers(1, 9).map(Decimal), st.just(Decimal(0)), st.just(Decimal(0)),
    type=st.sampled_from([None, "a", "b"]), first=days, last=days,
    weekdays=st.none() | st.frozensets(st.integers(1, 7), min_size=1), rank=st.integers(0, 1),
)  # fmt: skip


@given(st.lists(rates, max_size=6), st.sampled_from(["a", "b"]), st.integers(0, 20))
def test_where_ties_are_refused_the_order_of_writing_never_counts(found: list[Rate], type_: str, day: int) -> None:
    kept: list[Rate] = []
    for one in found:
        if not (one.first and one.last and one.last < one.first) and tie_of(one, kept) is None and one not in kept:
            kept.append(one)
    night = NEW_YEAR + timedelta(days=day)
    serving = [one for one in kept if one.serves("p", type_, night)]
    if serving:
        best = max(serving, key=lambda one: one.order)
        assert all(other is best or other.order < best.order for other in serving)
