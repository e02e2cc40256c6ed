"""One suite for every place that keeps rooms: ours on PostgreSQL, and the reference system over real HTTP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.availability.external.adapters.breaker import CircuitBreakerInventory, CircuitOpen
from services.availability.external.adapters.own import OwnInventory
from services.availability.external.adapters.pms import Pms
from services.availability.external.booking import ExternalRoomBooking, Line
from services.availability.external.journal import BookingAttemptJournal
from services.availability.external.numbering import Numbering
from services.availability.external.port import CannotCancel, Inventory, InventoryUnavailable, RoomOrder, RoomTaken
from services.availability.external.selection import AttemptStatus, Patience, Wanted
from services.availability.repository import Repository
from services.availability.stay import Stay
from shared.database.pool import Database
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.doubles.fake_pms import Desk, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import MovedClock
from tests.support.servers.tcp_proxy import line_to

pytestmark = pytest.mark.real
STAY = Stay(CHECK_IN, CHECK_IN + timedelta(days=2))
JUNIOR = "bungalow_junior"
ROOMS = {str(n) for n in range(18, 22)}
NUMBERING = Numbering({str(n): JUNIOR for n in range(18, 60)} | {"1A": "habitacion"}, "habitacion", "pasadia")


def order(room: str = "18", **more: Any) -> RoomOrder:
    facts = {
        "key": uuid4(),
        "room": room,
        "type": JUNIOR,
        "stay": STAY,
        "guest": "Ana López",
        "adults": 2,
        "children_0_to_5": 0,
        "children_6_to_10": 1,
        "package": "las_hojas",
        "payment_method": "bank_transfer",
        "amount": Decimal("431.25"),
        "payer": "Ana López",
    }
    return RoomOrder(**facts | more)


@dataclass
class Place:
    """An inventory under test with four free Junior rooms; `snatch` takes one from under us, `fail` cuts it off."""

    inventory: Inventory
    snatch: Callable[[str], Awaitable[None]]
    cut: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]


@pytest.fixture
async def own(fresh_database: Any) -> AsyncIterator[Place]:
    async with line_to(fresh_database("availability")) as wire:
        database = Database(wire.url, command_seconds=5)
        await database.open()
        async with database.connection() as connection:
            others = "UPDATE rooms SET out_of_order_from = '2000-01-01' WHERE type_key = $1 AND number <> ALL($2)"
            await connection.execute(others, JUNIOR, list(ROOMS))
        inventory = OwnInventory(database, Repository(), "las-hojas", "HR", MovedClock())

        async def snatch(room: str) -> None:
            await inventory.book(order(room))

        yield Place(inventory, snatch, wire.cut, wire.mend)
        await database.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serving(Desk()) as running:
        yield running


@pytest.fixture
async def pms(desk: Desk) -> AsyncIterator[Place]:
    inventory = Pms(desk.url, "HR", NUMBERING, cancels=True, seconds=5, allowed=LOOPBACK)

    async def snatch(room: str) -> None:
        desk.take(room, STAY.check_in, STAY.check_out)

    async def cut() -> None:
        desk.fails = 1000

    async def mend() -> None:
        desk.fails = 0

    yield Place(inventory, snatch, cut, mend)
    await inventory.close()


@pytest.fixture(params=["own", "pms"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each in turn."""
    found: Place = request.getfixturevalue(request.param)
    return found


async def free(place: Place, stay: Stay = STAY) -> set[str]:
    return set((await place.inventory.free_rooms(stay)).get(JUNIOR, ()))


async def test_a_room_is_free_booked_and_cancelled(place: Place) -> None:
    assert await free(place) == ROOMS
    ordered = order("18")
    code = await place.inventory.book(ordered)
    assert code.startswith("HR")
    assert await free(place) == ROOMS - {"18"}
    assert await free(place, Stay(STAY.check_out, STAY.check_out + timedelta(days=1))) == ROOMS
    assert place.inventory.can_cancel
    await place.inventory.cancel(ordered.key, code)
    assert await free(place) == ROOMS
    await place.inventory.cancel(ordered.key, code)
    assert await free(place) == ROOMS


async def test_the_same_order_twice_is_one_booking(place: Place) -> None:
    ordered = order("19")
    assert await place.inventory.book(ordered) == await place.inventory.book(ordered)
    assert await free(place) == ROOMS - {"19"}


async def test_a_room_is_booked_once(place: Place) -> None:
    await place.inventory.book(order("18", stay=Stay(STAY.check_in, STAY.check_in + timedelta(days=1))))
    with pytest.raises(RoomTaken):
        await place.inventory.book(order("18"))
    outcomes = await asyncio.gather(*[place.inventory.book(order("20")) for _ in range(4)], return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, RoomTaken) for outcome in outcomes) == 3


async def test_away_is_an_error_and_never_zeros(place: Place) -> None:
    await place.cut()
    with pytest.raises(InventoryUnavailable):
        await place.inventory.free_rooms(STAY)
    with pytest.raises(InventoryUnavailable):
        await place.inventory.book(order())
    await place.mend()
    assert await free(place) == ROOMS


async def test_the_circuit_opens_and_closes(place: Place) -> None:
    guarded = CircuitBreakerInventory(place.inventory, threshold=2, open_seconds=0.05)
    await place.cut()
    for _ in range(2):
        with pytest.raises(InventoryUnavailable):
            await guarded.free_rooms(STAY)
    with pytest.raises(CircuitOpen):
        await guarded.book(order())
    await place.mend()
    async with asyncio.timeout(10):
        while True:
            try:
                assert set((await guarded.free_rooms(STAY))[JUNIOR]) == ROOMS
                break
            except CircuitOpen:
                await asyncio.sleep(0.02)


async def test_a_room_that_is_taken_does_not_open_the_circuit(place: Place) -> None:
    guarded = CircuitBreakerInventory(place.inventory, threshold=2, open_seconds=30)
    await place.snatch("18")
    for _ in range(4):
        with pytest.raises(RoomTaken):
            await guarded.book(order("18"))
    assert await guarded.book(order("19"))


class Pauses:
    """A sleep that does not, and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
async def journal(database: Database) -> BookingAttemptJournal:
    return BookingAttemptJournal(database)


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
    assert [(one.room, one.fate) for one in await journal.attempts(booking)] == [
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
        if attempt.line == 2 and attempt.fate is AttemptStatus.BOOKED:
            raise Died
        await super().note(booking_id, attempt)


async def test_after_a_crash_nothing_is_booked_twice(place: Place, journal: BookingAttemptJournal) -> None:
    booking, wanted = uuid4(), lines("18", "19", "20")
    with pytest.raises(Died):
        await ordering(place.inventory, Dying(journal._database)).book(booking, wanted)
    assert await free(place) == {"20", "21"}
    done = await ordering(place.inventory, journal).book(booking, wanted)
    assert [one.room for one in done.booked] == ["18", "19", "20"]
    assert await free(place) == {"21"}


async def test_a_crash_before_a_system_without_keys_leaves_no_booking_that_nobody_knows_of(
    desk: Desk, pms: Place, journal: BookingAttemptJournal
) -> None:
    """The room that is taken now may be taken by the very call that the crash cut short."""
    desk.ignores_keys = True
    booking, wanted = uuid4(), lines("18", "19", "20")
    with pytest.raises(Died):
        await ordering(pms.inventory, Dying(journal._database)).book(booking, wanted)
    done = await ordering(pms.inventory, journal).book(booking, wanted)
    assert [one.room for one in done.booked] == ["18", "21", "20"]
    assert [one.room for one in done.attempts if one.fate is AttemptStatus.DOUBTFUL] == ["19"]
    assert "room 19" in done.for_staff


@pytest.mark.parametrize("shut", [True, False])
async def test_a_call_that_a_crash_cut_short_stays_in_doubt(
    desk: Desk, pms: Place, journal: BookingAttemptJournal, shut: bool
) -> None:
    """Also where it is not asked again: the circuit is open, or the room is another's here by now."""
    booking, wanted = uuid4(), lines("18", "19")
    with pytest.raises(Died):
        await ordering(pms.inventory, Dying(journal._database)).book(booking, wanted)
    guarded = CircuitBreakerInventory(pms.inventory, threshold=1, open_seconds=60)
    if shut:
        desk.refuses["getRooms"] = 503
        with pytest.raises(InventoryUnavailable):
            await guarded.free_rooms(STAY)

    async def secure(_: UUID, room: str) -> bool:
        return shut or room != "19"

    done = await ordering(guarded, journal, secure=secure).book(booking, wanted)
    assert next(one.fate for one in done.attempts if one.room == "19") is AttemptStatus.DOUBTFUL
    assert "room 19" in done.for_staff


@pytest.mark.parametrize("status", [409, 410])
async def test_only_an_order_can_hear_that_a_room_is_taken(desk: Desk, pms: Place, status: int) -> None:
    desk.refuses = dict.fromkeys(("getRooms", "cancelBooking"), status)
    with pytest.raises(InventoryUnavailable, match=str(status)):
        await pms.inventory.free_rooms(STAY)
    with pytest.raises(CannotCancel, match=str(status)):
        await pms.inventory.cancel(uuid4(), "HR26181")
    desk.refuses["bookRoom"] = status
    with pytest.raises(RoomTaken):
        await pms.inventory.book(order())


async def test_what_could_not_be_cancelled_is_staff_s_with_its_code(
    desk: Desk, pms: Place, journal: BookingAttemptJournal
) -> None:
    desk.refuses["cancelBooking"] = 409
    for room in ("20", "21"):
        await pms.snatch(room)
    done = await ordering(pms.inventory, journal).book(uuid4(), lines("18", "19", "20"))
    assert done.failed_line == 3
    assert done.for_staff == "cancel HR26181 (room 18), HR26182 (room 19)"


async def test_our_own_holds_are_kept_from_it(service: Availability, desk: Desk, pms: Place) -> None:
    """The system has no hold: what another booking holds here is not given, though the system calls it free."""
    mine, theirs = uuid4(), uuid4()
    dates = {"check_out": STAY.check_out}
    avoid = [str(n) for n in range(18, 60) if n not in {19, 20}]
    await service.tell(hold(theirs, wish(1), wish(2), avoid_rooms=avoid, **dates))
    avoid = [str(n) for n in range(19, 60)]
    await service.tell(hold(mine, wish(1), avoid_rooms=avoid, **dates))
    desk.take("18", STAY.check_in, STAY.check_out)
    journal = BookingAttemptJournal(service.database)
    assert await journal.held_by_others(mine) == {"19", "20"}
    done = await ordering(pms.inventory, journal).book(mine, lines("18"))
    assert [one.room for one in done.booked] == ["21"]


async def test_two_failures_and_then_a_room(desk: Desk, pms: Place, journal: BookingAttemptJournal) -> None:
    desk.snatches = {"18"}
    ordered = ordering(pms.inventory, journal)
    real = pms.inventory.book
    calls = []

    async def second_breaks(given: RoomOrder) -> str:
        calls.append(given.room)
        if len(calls) == 2:
            desk.fails = 1
        return await real(given)

    pms.inventory.book = second_breaks  # type: ignore[method-assign]
    done = await ordered.book(uuid4(), lines("18"))
    assert len(done.booked) == 1
    assert len(set(calls)) == 3
    assert [one.fate for one in done.attempts] == [AttemptStatus.TAKEN, AttemptStatus.DOUBTFUL, AttemptStatus.BOOKED]
    assert f"room {calls[1]}" in done.for_staff


async def test_three_failures_are_enough(desk: Desk, pms: Place, journal: BookingAttemptJournal) -> None:
    desk.snatches_all = True
    done = await ordering(pms.inventory, journal).book(uuid4(), lines("18"))
    assert (done.failed_line, len(done.attempts)) == (1, 3)
    assert len({one.room for one in done.attempts}) == 3


async def test_what_cannot_be_cancelled_is_staff_s_with_every_code(desk: Desk, journal: BookingAttemptJournal) -> None:
    inventory = Pms(desk.url, "HR", NUMBERING, cancels=False, allowed=LOOPBACK)
    desk.snatches = {"20"}
    desk.take("21", STAY.check_in, STAY.check_out)
    done = await ordering(inventory, journal).book(uuid4(), lines("18", "19", "20"))
    assert done.failed_line == 3
    assert done.for_staff == "cancel HR26181 (room 18), HR26182 (room 19)"
    with pytest.raises(CannotCancel):
        await inventory.cancel(uuid4(), "HR26181")
    await inventory.close()


async def test_a_call_without_an_answer_may_have_booked_and_is_told_to_staff(
    desk: Desk, journal: BookingAttemptJournal
) -> None:
    desk.hangs_after = 1
    inventory = Pms(desk.url, "HR", NUMBERING, seconds=0.3, allowed=LOOPBACK)
    done = await ordering(inventory, journal).book(uuid4(), lines("18"))
    assert [one.fate for one in done.attempts] == [AttemptStatus.DOUBTFUL, AttemptStatus.BOOKED]
    assert "room 18" in done.for_staff
    await inventory.close()


async def test_a_system_that_hangs_is_away(desk: Desk) -> None:
    desk.hangs = 1
    inventory = Pms(desk.url, "HR", NUMBERING, seconds=0.2, allowed=LOOPBACK)
    with pytest.raises(InventoryUnavailable, match="Timeout"):
        await inventory.free_rooms(STAY)
    await inventory.close()


async def test_no_info_is_an_error(desk: Desk, pms: Place) -> None:
    desk.misses_info = True
    with pytest.raises(InventoryUnavailable, match="no info"):
        await pms.inventory.free_rooms(STAY)


async def test_numbers_are_text_and_places_are_counted(desk: Desk, pms: Place) -> None:
    desk.rooms, desk.places = ("18", "1A", "77A", "elevator", "900"), 3
    found = await pms.inventory.free_rooms(STAY)
    assert found == {JUNIOR: ("18",), "habitacion": ("1A", "77A"), "pasadia": ("P1", "P2", "P3")}
    await pms.inventory.book(order("P2", type="pasadia"))
    assert len((await pms.inventory.free_rooms(STAY))["pasadia"]) == 2


async def test_the_call_carries_what_a_desk_needs_and_never_the_payment_s_id(desk: Desk, pms: Place) -> None:
    ordered = replace(order(), extra_beds=1, extra_beds_cost=Decimal("30.00"), instructions="late arrival")
    await pms.inventory.book(ordered)
    (_, body) = desk.calls[-1]
    assert body == {
        "room": "18",
        "guest": "Ana López",
        "checkIn": "2026-03-15",
        "checkOut": "2026-03-17",
        "adults": 2,
        "children0to5": 0,
        "children6to10": 1,
        "type": JUNIOR,
        "package": "las_hojas",
        "paymentMethod": "bank_transfer",
        "amount": "431.25",
        "payer": "Ana López",
        "extraBeds": 1,
        "extraBedsCost": "30.00",
        "instructions": "late arrival",
    }
