"""Rooms booked line by line in any system: tried again, undone, and what stays in doubt told to staff."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.availability.external.adapters.breaker import CircuitBreakerInventory
from services.availability.external.adapters.pms import Pms
from services.availability.external.booking import ExternalRoomBooking, Line
from services.availability.external.port import CannotCancel, Inventory, InventoryUnavailable, RoomOrder
from services.availability.external.selection import AttemptStatus, Patience, Wanted
from services.availability.external.store import BookingAttemptJournal
from shared.outbound.breaker import CircuitBreaker
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import hold, wish
from tests.support.builders.room_orders import JUNIOR, NUMBERING, STAY, Place, free, order
from tests.support.doubles.fake_pms import FakePms
from tests.support.doubles.loopback import LOOPBACK

pytestmark = pytest.mark.real


class Pauses:
    """A sleep that does not, and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def lines(*rooms: str) -> list[Line]:
    return [Line(Wanted(n, JUNIOR, room), order(room)) for n, room in enumerate(rooms, 1)]


def ordering(inventory: Inventory, journal: BookingAttemptJournal, **more: Any) -> ExternalRoomBooking:
    facts = {"sleep": Pauses(), "held_by_others": journal.held_by_others, "dice": random.Random(7)}
    return ExternalRoomBooking(inventory, journal, **facts | more)


async def test_every_line_gets_a_room(place: Place, journal: BookingAttemptJournal) -> None:
    done = await ordering(place.inventory, journal).book(uuid4(), lines("18", "19", "20"))
    assert [one.room for one in done.booked] == ["18", "19", "20"]
    assert len({one.code for one in done.booked}) == 3
    assert (done.failed_line, done.for_staff) == (None, "")


async def test_a_room_lost_to_the_desk_is_chosen_again_and_the_one_got_is_told(
    place: Place, journal: BookingAttemptJournal
) -> None:
    await place.snatch("18")
    booking = uuid4()
    ordered = ordering(place.inventory, journal, patience=Patience(pause=timedelta(seconds=2), growth=2))
    done = await ordered.book(booking, lines("18", "19"), avoid=["20"])
    assert [one.room for one in done.booked] == ["21", "19"]
    assert [(one.room, one.status) for one in await journal.attempts(booking)] == [
        ("18", AttemptStatus.TAKEN),
        ("21", AttemptStatus.BOOKED),
        ("19", AttemptStatus.BOOKED),
    ]
    assert 2.0 in ordered.sleep.seconds  # type: ignore[attr-defined]
    assert await free(place) == {"20"}


async def test_the_third_of_three_fails_and_the_others_are_undone(place: Place, journal: BookingAttemptJournal) -> None:
    await place.snatch("20")
    await place.snatch("21")
    done = await ordering(place.inventory, journal).book(uuid4(), lines("18", "19", "20"))
    assert (done.booked, done.failed_line, done.for_staff) == ((), 3, "")
    assert await free(place) == {"18", "19"}


class Died(BaseException):
    """The process ends between a call and its note."""


class Dying(BookingAttemptJournal):
    """A journal whose process dies before it notes that line 2 is booked."""

    async def note(self, booking_id: UUID, attempt: Any) -> None:
        if attempt.line == 2 and attempt.status is AttemptStatus.BOOKED:
            raise Died
        await super().note(booking_id, attempt)


async def test_after_a_crash_nothing_is_booked_twice(place: Place, journal: BookingAttemptJournal) -> None:
    booking, wanted = uuid4(), lines("18", "19", "20")
    with pytest.raises(Died):
        await ordering(place.inventory, Dying(journal._connect)).book(booking, wanted)
    assert await free(place) == {"20", "21"}
    done = await ordering(place.inventory, journal).book(booking, wanted)
    assert [one.room for one in done.booked] == ["18", "19", "20"]
    assert await free(place) == {"21"}


async def test_a_crash_before_a_system_without_keys_leaves_no_booking_that_nobody_knows_of(
    fake_pms: FakePms, pms: Place, journal: BookingAttemptJournal
) -> None:
    """The room that is taken now may be taken by the very call that the crash cut short."""
    fake_pms.ignores_keys = True
    booking, wanted = uuid4(), lines("18", "19", "20")
    with pytest.raises(Died):
        await ordering(pms.inventory, Dying(journal._connect)).book(booking, wanted)
    done = await ordering(pms.inventory, journal).book(booking, wanted)
    assert [one.room for one in done.booked] == ["18", "21", "20"]
    assert [one.room for one in done.attempts if one.status is AttemptStatus.DOUBTFUL] == ["19"]
    assert "room 19" in done.for_staff


@pytest.mark.parametrize("shut", [True, False])
async def test_a_call_that_a_crash_cut_short_stays_in_doubt(
    fake_pms: FakePms, pms: Place, journal: BookingAttemptJournal, shut: bool
) -> None:
    """Also where it is not asked again: the circuit is open, or the room is another's here by now."""
    booking, wanted = uuid4(), lines("18", "19")
    with pytest.raises(Died):
        await ordering(pms.inventory, Dying(journal._connect)).book(booking, wanted)
    guarded = CircuitBreakerInventory(pms.inventory, CircuitBreaker(1, timedelta(seconds=60)))
    if shut:
        fake_pms.refuses["getRooms"] = 503
        with pytest.raises(InventoryUnavailable):
            await guarded.free_rooms(STAY)

    async def secure(_: UUID, room: str) -> bool:
        return shut or room != "19"

    done = await ordering(guarded, journal, secure=secure).book(booking, wanted)
    assert next(one.status for one in done.attempts if one.room == "19") is AttemptStatus.DOUBTFUL
    assert "room 19" in done.for_staff


async def test_what_could_not_be_cancelled_is_staff_s_with_its_code(
    fake_pms: FakePms, pms: Place, journal: BookingAttemptJournal
) -> None:
    fake_pms.refuses["cancelBooking"] = 409
    for room in ("20", "21"):
        await pms.snatch(room)
    done = await ordering(pms.inventory, journal).book(uuid4(), lines("18", "19", "20"))
    assert done.failed_line == 3
    assert done.for_staff == "cancel HR26181 (room 18), HR26182 (room 19)"


async def test_our_own_holds_are_kept_from_it(service: Availability, fake_pms: FakePms, pms: Place) -> None:
    """The system has no hold: what another booking holds here is not given, though the system calls it free."""
    mine, theirs = uuid4(), uuid4()
    dates = {"check_out": STAY.check_out}
    avoid = [str(n) for n in range(18, 60) if n not in {19, 20}]
    await service.tell(hold(theirs, wish(1), wish(2), avoid_rooms=avoid, **dates))
    avoid = [str(n) for n in range(19, 60)]
    await service.tell(hold(mine, wish(1), avoid_rooms=avoid, **dates))
    fake_pms.take("18", STAY.check_in, STAY.check_out)
    journal = BookingAttemptJournal(service.database.connection)
    assert await journal.held_by_others(mine) == {"19", "20"}
    done = await ordering(pms.inventory, journal).book(mine, lines("18"))
    assert [one.room for one in done.booked] == ["21"]


async def test_two_failures_and_then_a_room(fake_pms: FakePms, pms: Place, journal: BookingAttemptJournal) -> None:
    fake_pms.snatches = {"18"}
    ordered = ordering(pms.inventory, journal)
    real = pms.inventory.book
    calls = []

    async def second_breaks(given: RoomOrder) -> str:
        calls.append(given.room)
        if len(calls) == 2:
            fake_pms.fails = 1
        return await real(given)

    pms.inventory.book = second_breaks  # type: ignore[method-assign]
    done = await ordered.book(uuid4(), lines("18"))
    assert len(done.booked) == 1
    assert len(set(calls)) == 3
    assert [one.status for one in done.attempts] == [AttemptStatus.TAKEN, AttemptStatus.DOUBTFUL, AttemptStatus.BOOKED]
    assert f"room {calls[1]}" in done.for_staff


async def test_three_failures_are_enough(fake_pms: FakePms, pms: Place, journal: BookingAttemptJournal) -> None:
    fake_pms.snatches_all = True
    done = await ordering(pms.inventory, journal).book(uuid4(), lines("18"))
    assert (done.failed_line, len(done.attempts)) == (1, 3)
    assert len({one.room for one in done.attempts}) == 3


async def test_what_cannot_be_cancelled_is_staff_s_with_every_code(
    fake_pms: FakePms, journal: BookingAttemptJournal
) -> None:
    inventory = Pms(fake_pms.url, "HR", NUMBERING, cancels=False, allowed=LOOPBACK)
    fake_pms.snatches = {"20"}
    fake_pms.take("21", STAY.check_in, STAY.check_out)
    done = await ordering(inventory, journal).book(uuid4(), lines("18", "19", "20"))
    assert done.failed_line == 3
    assert done.for_staff == "cancel HR26181 (room 18), HR26182 (room 19)"
    with pytest.raises(CannotCancel):
        await inventory.cancel(uuid4(), "HR26181")
    await inventory.close()


async def test_a_call_without_an_answer_may_have_booked_and_is_told_to_staff(
    fake_pms: FakePms, journal: BookingAttemptJournal
) -> None:
    fake_pms.hangs_after = 1
    inventory = Pms(fake_pms.url, "HR", NUMBERING, seconds=0.3, allowed=LOOPBACK)
    done = await ordering(inventory, journal).book(uuid4(), lines("18"))
    assert [one.status for one in done.attempts] == [AttemptStatus.DOUBTFUL, AttemptStatus.BOOKED]
    assert "room 18" in done.for_staff
    await inventory.close()
