"""Threads follow bookings that change or are off, in whatever order the events come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest

from services.conversations.threads.bookings import Booking, Version, best_booking
from services.conversations.threads.rules import Tenant

CONFIRMED = datetime(2026, 3, 1, 18, tzinfo=UTC)
ONE = uuid4()


def booking(
    key: UUID = ONE, night: int = 15, at: int = 0, *, rooms: tuple[str, ...] = ("18",), off: bool = False
) -> Booking:
    """What an event told so many hours after the confirmation; an end tells of no rooms."""
    told = CONFIRMED + timedelta(hours=at)
    first = date(2026, 3, night)
    versions = (Version(told, at, first, first + timedelta(days=1), rooms),) if rooms else ()
    place = ("las-hojas", "Las Hojas", "America/El_Salvador")
    return Booking(key, "+50371234567", "Ana", *place, versions, told if off else None)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_event_counts_whichever_comes_first(order: tuple[int, ...]) -> None:
    told = [booking(), booking(night=20, at=1, rooms=("19",)), booking(night=20, at=2, rooms=(), off=True)]
    known, *rest = [told[place] for place in order]
    for one in rest:
        known = known.merged(one)
    assert (known.check_in, known.rooms) == (date(2026, 3, 20), ("19",))
    assert known.moments == tuple(CONFIRMED + timedelta(hours=hours) for hours in range(3))


def test_what_counts_is_what_it_was_at_the_time() -> None:
    known = booking().merged(booking(at=2, rooms=(), off=True)).merged(booking(night=20, at=1, rooms=("19",)))
    told = [known.at(CONFIRMED + timedelta(hours=hours)) for hours in (-1, 0, 1, 2)]
    assert [one and (one.check_in.day, one.rooms, one.off_at is not None) for one in told] == [
        None,
        (15, ("18",), False),
        (20, ("19",), False),
        (20, ("19",), True),
    ]


def test_a_booking_that_is_off_counts_only_where_there_is_no_other() -> None:
    living, off = booking(uuid4(), 25), booking().merged(booking(rooms=(), off=True))
    on_its_day = datetime(2026, 3, 15, 20, tzinfo=UTC)
    assert best_booking([living, off], on_its_day) == living
    assert best_booking([off], on_its_day) == off


def test_messages_go_where_the_booking_moved_to() -> None:
    tenant = Tenant("+50371234567")
    tenant.add_booking(booking(), CONFIRMED)
    before = tenant.receive("Ana", datetime(2026, 3, 15, 20, tzinfo=UTC), datetime(2026, 3, 15, 20, tzinfo=UTC))
    tenant.add_booking(booking(night=20, at=1, rooms=("19",)), CONFIRMED)
    after = tenant.receive("Ana", datetime(2026, 3, 20, 20, tzinfo=UTC), datetime(2026, 3, 20, 20, tzinfo=UTC))
    assert before is not after
    assert after.apartment is not None
    assert (after.apartment.room, after.booking_id) == ("19", ONE)
