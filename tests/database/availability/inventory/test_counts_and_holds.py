"""Counts and holds on PostgreSQL: what is free, what is said of it, and every turn that a hold can take."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.availability.inventory import count_rooms, hold_rooms
from services.availability.inventory.allocation import tombstone
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    BookRooms,
    CountAnswered,
    CountRequested,
    ExtendHold,
    HoldExpired,
    HoldRooms,
    ReleaseRooms,
    RoomsBooked,
    RoomsHeld,
    RoomsNotHeld,
    RoomsReleased,
)
from shared.contracts.common import Language, Policy
from shared.errors import Refusal
from shared.outbox.timers import fire_due
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.doubles.transport import START, process_records, record_of_row

ALL_FREE = {"bungalow_familiar": 17, "bungalow_junior": 37, "bungalow_matrimonial": 5, "habitacion": 14, "pasadia": 100}


def count(*wanted: tuple[str, int], **more: Any) -> CountRequested:
    """A count for one night."""
    wishes = [{"type": type_, "count": number} for type_, number in wanted]
    facts = {"request_id": str(uuid4()), "check_in": CHECK_IN, "check_out": CHECK_IN + timedelta(days=1)}
    return CountRequested.model_validate(facts | {"wanted": wishes} | more)


def answer(uow: UnitOfWork, request: CountRequested) -> CountAnswered:
    (found,) = count_rooms(uow, request, START)
    assert isinstance(found, CountAnswered)
    return found


async def rooms_of(service: Availability, booking_id: UUID) -> list[tuple[str, date]]:
    async with service.database.connection() as connection:
        rows = await connection.fetch("SELECT room, night FROM room_nights WHERE booking_id = $1", booking_id)
    return sorted((row["room"], row["night"]) for row in rows)


def test_the_seed_is_page_one_s_inventory(uow: UnitOfWork) -> None:
    assert answer(uow, count()).available_counts == ALL_FREE
    (free,) = {tuple(sorted(types)) for (_, _), types in uow.free.items()}
    assert free == tuple(sorted(ALL_FREE))
    rooms = next(iter(uow.free.values()))
    assert set(rooms["bungalow_matrimonial"]) == {"22", "42", "47", "48", "53"}
    assert set(rooms["bungalow_junior"]) == {str(n) for n in range(18, 60)} - set(rooms["bungalow_matrimonial"])
    assert set(rooms["habitacion"]) == {f"{n}A" for n in range(1, 15)}


@pytest.mark.parametrize(
    ("wanted", "language", "said"),
    [
        ([("Junior", 3)], "es", "Hay disponibilidad para todo lo que solicita"),
        ([("Junior", 3)], "en", "Everything you ask for is available"),
        ([("Matrimonial", 6)], "es", "Matrimonial: solicita 6 y quedan 5 libres"),
        ([("Matrimonial", 6)], "en", "Matrimonial: you ask for 6 and 5 are free"),
        ([], "en", "Junior 37"),
    ],
)
def test_what_is_said(uow: UnitOfWork, wanted: Any, language: str, said: str) -> None:
    found = answer(uow, count(*wanted, language=language))
    assert said in found.message
    assert found.success
    assert found.can_fulfill is not bool(found.shortages)
    assert found.can_fulfill or ("¿" in found.message or "?" in found.message)


@pytest.mark.parametrize(("language", "said"), [("es", "ya no queda ninguna libre"), ("en", "none is left")])
async def test_none_at_all_is_worded_otherwise(service: Availability, language: str, said: str) -> None:
    await service.tell(hold(uuid4(), *[wish(n, "Matrimonial") for n in range(1, 6)]))
    (found,) = await service.tell(count(("Matrimonial", 1), ("Junior", 38), language=language))
    assert isinstance(found, CountAnswered)
    assert said in found.message
    assert [(one.type, one.requested, one.available) for one in found.shortages] == [
        ("bungalow_matrimonial", 1, 0),
        ("bungalow_junior", 38, 37),
    ]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"check_out": CHECK_IN}, "check_out"),
        ({"check_out": CHECK_IN - timedelta(days=1)}, "check_out"),
        ({"check_in": date(2026, 3, 9), "check_out": date(2026, 3, 11)}, "check_in"),
        ({"check_out": CHECK_IN + timedelta(days=366)}, "check_out"),
        ({"check_in": date(2199, 12, 30), "check_out": date(2199, 12, 31)}, None),
        ({"wanted": [{"type": "Suite"}]}, "type"),
        ({"property_id": "elsewhere"}, "property_id"),
    ],
)
async def test_bad_counts_get_an_error_and_never_zeros(service: Availability, more: Any, field: str | None) -> None:
    (found,) = await service.tell(count(**more))
    assert isinstance(found, CountAnswered)
    if field is None:
        assert found.success
        return
    assert not found.success
    assert not found.available_counts
    assert found.error
    assert found.error.details["field"] == field


async def test_out_of_order_and_taken_rooms_are_not_free(service: Availability) -> None:
    async with service.database.connection() as connection:
        await connection.execute(
            "UPDATE rooms SET out_of_order_from = $1, out_of_order_until = $1 WHERE number = '1A'", CHECK_IN
        )
    await service.tell(hold(uuid4(), wish(1, "habitacion")))
    nights = [count(check_in=CHECK_IN + timedelta(days=n), check_out=CHECK_IN + timedelta(days=n + 1)) for n in (0, 1)]
    first, second = await service.tell(*nights)
    assert isinstance(first, CountAnswered)
    assert isinstance(second, CountAnswered)
    assert (first.available_counts["habitacion"], second.available_counts["habitacion"]) == (12, 14)


async def test_three_rooms_for_eight(service: Availability) -> None:
    booking = uuid4()
    (reply,) = await service.tell(hold(booking, wish(1, adults=3), wish(2, adults=3), wish(3, adults=2)))
    assert isinstance(reply, RoomsHeld)
    assert str(reply.total) == "690.00"
    assert len({room.room for room in reply.rooms}) == 3
    assert reply.expires_at == START + timedelta(minutes=15)
    assert await rooms_of(service, booking) == sorted((room.room, CHECK_IN) for room in reply.rooms)


async def test_all_or_none(service: Availability) -> None:
    await service.tell(hold(uuid4(), *[wish(n, "Matrimonial") for n in (1, 2, 3)]))
    (reply,) = await service.tell(hold(booking := uuid4(), *[wish(n, "Matrimonial") for n in (1, 2, 3)]))
    assert isinstance(reply, RoomsNotHeld)
    assert reply.refusal.details["shortages"] == [{"type": "bungalow_matrimonial", "requested": 3, "available": 2}]
    assert await rooms_of(service, booking) == []


async def test_asked_again_a_booking_is_told_of_the_rooms_it_holds_although_none_is_left(service: Availability) -> None:
    everything = hold(booking := uuid4(), *[wish(n, "Matrimonial", adults=2) for n in range(1, 6)])
    (first,) = await service.tell(everything)
    (again,) = await service.tell(everything.model_copy())
    assert again == first
    assert len(await rooms_of(service, booking)) == 5


async def test_best_effort_takes_what_there_is(service: Availability) -> None:
    lines = [wish(n, "Matrimonial") for n in range(1, 7)] + [wish(7, "Suite"), wish(8, adults=9)]
    (reply,) = await service.tell(hold(uuid4(), *lines, policy=Policy.BEST_EFFORT))
    assert isinstance(reply, RoomsHeld)
    assert len(reply.rooms) == 5
    assert [(room.line, room.reason) for room in reply.failed] == [
        (6, "not_enough_rooms"),
        (7, "invalid_request"),
        (8, "party_does_not_fit"),
    ]
    assert [room.text for room in reply.failed] == [
        "Matrimonial: ya no queda ninguna libre",
        "Suite: no pudimos procesar los datos de esta habitación",
        "Junior: el grupo no cabe",
    ]
    lines = [wish(1), wish(2, "Matrimonial"), wish(3, adults=9)]
    (english,) = await service.tell(hold(uuid4(), *lines, policy=Policy.BEST_EFFORT, language=Language.ENGLISH))
    assert isinstance(english, RoomsHeld)
    assert [room.text for room in english.failed] == ["Matrimonial: none is left", "Junior: the party does not fit"]
    (nothing,) = await service.tell(hold(uuid4(), wish(1, "Matrimonial"), policy=Policy.BEST_EFFORT))
    assert isinstance(nothing, RoomsNotHeld)


async def test_rooms_to_be_avoided_are(service: Availability) -> None:
    avoid = ("22", "42", "47", "48")
    (reply,) = await service.tell(hold(uuid4(), wish(1, "Matrimonial"), avoid_rooms=avoid))
    assert isinstance(reply, RoomsHeld)
    assert reply.rooms[0].room == "53"
    (short,) = await service.tell(hold(uuid4(), wish(1, "Matrimonial"), avoid_rooms=avoid))
    assert isinstance(short, RoomsNotHeld)
    assert short.refusal.reason == "not_enough_rooms"


async def test_rooms_to_be_avoided_are_known_whatever_their_case(service: Availability) -> None:
    avoid = tuple(f"{number}a" for number in range(1, 14))
    (reply,) = await service.tell(hold(uuid4(), wish(1, "Habitación"), avoid_rooms=avoid))
    assert isinstance(reply, RoomsHeld)
    assert reply.rooms[0].room == "14A"


def test_rooms_are_chosen_at_random(uow: UnitOfWork) -> None:
    property_ = uow.property_of(None)
    stay = next(iter(uow.free))[1]
    rooms = uow.free_rooms(property_, stay, "bungalow_matrimonial")
    seen = Counter(room for _ in range(500) for room in uow.choose(rooms, 1))
    assert len(seen) == 5
    assert min(seen.values()) > 40


async def test_a_hold_lives_and_is_booked(service: Availability) -> None:
    command = hold(booking := uuid4())
    (first,) = await service.tell(command)
    (again,) = await service.tell(command)
    assert first == again
    until = START + timedelta(hours=2)
    assert await service.tell(ExtendHold(booking_id=booking, property_id="las-hojas", until=until)) == []
    book = BookRooms(booking_id=booking, property_id="las-hojas", codes={"18": "HR1"})
    (booked,) = await service.tell(book)
    assert isinstance(booked, RoomsBooked)
    assert await service.tell(book) == [booked]
    service.clock.forward(timedelta(days=1))
    assert await expire(service) == []
    assert len(await rooms_of(service, booking)) == 1


async def test_a_release_frees_the_rooms_for_good(service: Availability) -> None:
    (held,) = await service.tell(command := hold(booking := uuid4()))
    release = ReleaseRooms(booking_id=booking, property_id="las-hojas")
    (released,) = await service.tell(release)
    assert isinstance(held, RoomsHeld)
    assert isinstance(released, RoomsReleased)
    assert released.rooms == (held.rooms[0].room,)
    assert await rooms_of(service, booking) == []
    (late,) = await service.tell(command)
    assert isinstance(late, RoomsNotHeld)
    assert isinstance((await service.tell(release))[0], RoomsReleased)


async def test_a_booking_that_is_repeated_after_its_end_gets_no_room_back(service: Availability) -> None:
    """What was sent again for want of an answer may come after everything that followed the answer."""
    booking = uuid4()
    (held,) = await service.tell(hold(booking))
    assert isinstance(held, RoomsHeld)
    book = BookRooms(booking_id=booking, property_id="las-hojas", codes={held.rooms[0].room: "HR1"})
    await service.tell(book)
    await service.tell(ReleaseRooms(booking_id=booking, property_id="las-hojas"))
    (again,) = await service.tell(book)
    assert isinstance(again, RoomsBooked)
    assert await rooms_of(service, booking) == []


def test_a_hold_that_was_released_unbooked_cannot_be_booked() -> None:
    with pytest.raises(ValueError, match="was released and cannot be booked"):
        tombstone(uuid4(), "las-hojas", START).booked({"18": "HR1"})


async def test_a_release_that_comes_first_wins(service: Availability) -> None:
    booking = uuid4()
    replies = await service.tell(ReleaseRooms(booking_id=booking, property_id="las-hojas"), hold(booking))
    assert [type(reply) for reply in replies] == [RoomsReleased, RoomsNotHeld]
    assert await rooms_of(service, booking) == []


async def test_rooms_freed_in_a_batch_are_there_for_its_next_message(service: Availability) -> None:
    full = [wish(n, "Matrimonial") for n in range(1, 6)]
    await service.tell(hold(first := uuid4(), *full))
    replies = await service.tell(ReleaseRooms(booking_id=first, property_id="las-hojas"), hold(uuid4(), *full))
    assert [type(reply) for reply in replies] == [RoomsReleased, RoomsHeld]


async def expire(service: Availability) -> list[Any]:
    """Ring the alarm, and hand its wake-ups in."""
    await fire_due(service.database, service.relay, "posada/availability", service.repository.due, service.clock())
    rows = service.office.taken()
    await process_records(service.consumer, [record_of_row(row) for row in rows])
    answers = service.office.messages
    service.office.taken()
    return answers


async def test_an_expired_hold_asks_its_owner_and_asks_again(service: Availability) -> None:
    await service.tell(hold(booking := uuid4()))
    service.clock.forward(timedelta(minutes=14))
    assert await expire(service) == []
    for pause in (timedelta(minutes=1), timedelta(seconds=31)):
        service.clock.forward(pause)
        (event,) = await expire(service)
        assert isinstance(event, HoldExpired)
        assert event.booking_id == booking
    assert len(await rooms_of(service, booking)) == 1  # only the owner lets go


async def test_an_extended_hold_expires_later_and_never_earlier(service: Availability) -> None:
    await service.tell(hold(booking := uuid4()))
    for hours in (2, 1):
        until = START + timedelta(hours=hours)
        await service.tell(ExtendHold(booking_id=booking, property_id="las-hojas", until=until))
    service.clock.forward(timedelta(minutes=119))
    assert await expire(service) == []
    service.clock.forward(timedelta(minutes=1))
    assert len(await expire(service)) == 1


WISHES = st.lists(
    st.tuples(st.sampled_from(["Junior", "Matrimonial", "Habitación"]), st.integers(1, 2)), min_size=1, max_size=8
)


@given(bookings=st.lists(WISHES, min_size=1, max_size=12), avoid=st.sets(st.sampled_from(["22", "42", "1A", "18"])))
def test_no_order_of_holds_gives_a_room_twice(planted: UnitOfWork, bookings: Any, avoid: set[str]) -> None:
    uow = UnitOfWork(planted.properties, planted.default_property, free=planted.free)
    given_: list[str] = []
    for lines in bookings:
        wishes = [wish(n, type_, adults=adults) for n, (type_, adults) in enumerate(lines, 1)]
        command: HoldRooms = hold(uuid4(), *wishes, avoid_rooms=tuple(avoid))
        try:
            (reply,) = hold_rooms(uow, command, START)
        except Refusal:
            continue
        assert isinstance(reply, RoomsHeld)
        assert len(reply.rooms) == len(wishes)
        assert reply.total == sum(room.amount for room in reply.rooms)
        given_ += [room.room for room in reply.rooms]
    assert len(set(given_)) == len(given_)
    assert not set(given_) & avoid


async def test_of_two_seasons_the_narrower_counts_whichever_was_written_first(service: Availability) -> None:
    add = """
INSERT INTO rates (property_id, package_key, type_key, first_night, last_night, weekdays, adult, child, extra_bed)
SELECT property_id, package_key, 'bungalow_junior', $1, $2, weekdays, $3, 1, 1 FROM rates
WHERE package_key = 'las_hojas' ORDER BY id LIMIT 1 RETURNING id"""
    year, half = (CHECK_IN.replace(month=1, day=1), CHECK_IN.replace(month=12)), CHECK_IN.replace(month=6)
    async with service.database.connection() as connection:
        await connection.execute("DELETE FROM rates WHERE type_key IS NOT NULL")
        await connection.fetchval(add, *year, 11)
        await connection.fetchval(add, year[0], half, 22)
    (reply,) = await service.tell(hold(uuid4(), wish(1, adults=1)))
    assert isinstance(reply, RoomsHeld)
    assert str(reply.total) == "22.00"
