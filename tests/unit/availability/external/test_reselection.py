"""Choosing again: never a room that failed, that is shut, or that another line has."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.availability.external.selection import Attempt, AttemptStatus, Patience, Wanted, next_room, to_staff

rooms = st.sampled_from([str(n) for n in range(8)])
fates = st.sampled_from(AttemptStatus)


@given(
    st.lists(rooms, unique=True, min_size=1, max_size=3), st.dictionaries(rooms, fates), st.sets(rooms), st.sets(rooms)
)
def test_only_what_may_be_had(held: list[str], tried: dict[str, AttemptStatus], shut: set[str], free: set[str]) -> None:
    lines = [Wanted(number, "junior", room) for number, room in enumerate(held, 1)]
    attempts = [Attempt(9, room, fate) for room, fate in tried.items()]
    chosen = next_room(lines[0], lines, attempts, free={"junior": sorted(free)}, shut=shut, dice=random.Random(1))
    possible = free - shut - set(tried) - set(held)
    if held[0] not in tried:
        assert chosen == held[0]
    elif possible:
        assert chosen in possible
    else:
        assert chosen is None


def test_every_free_room_may_be_the_one() -> None:
    line = Wanted(1, "junior", "0")
    lost = [Attempt(1, "0", AttemptStatus.TAKEN)]
    dice = random.Random(1)
    free = {"junior": ["0", "1", "2", "3"], "familiar": ["7"]}
    chosen = {next_room(line, [line], lost, free=free, shut=["2"], dice=dice) for _ in range(100)}
    assert chosen == {"1", "3"}


def test_pauses_may_grow() -> None:
    patience = Patience(pause=timedelta(seconds=2), growth=3)
    assert [patience.before(attempt).total_seconds() for attempt in (1, 2, 3)] == [0, 2, 6]


def test_staff_hears_of_codes_and_of_doubts() -> None:
    attempts = [
        Attempt(1, "18", AttemptStatus.BOOKED, "HR1"),
        Attempt(2, "19", AttemptStatus.DOUBTFUL),
        Attempt(2, "20", AttemptStatus.TAKEN),
    ]
    assert to_staff(attempts, can_cancel=False) == (
        "cancel HR1 (room 18); see whether these were booked without an answer: room 19"
    )
    assert "HR1" not in to_staff(attempts, can_cancel=True)
    assert to_staff(attempts[2:], can_cancel=False) == ""
