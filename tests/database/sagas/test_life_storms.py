"""Every step of an end and of a change of dates failing in every way, over the five services and real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.booking.lifecycle.sagas.cancellation.saga import CANCELLATION
from services.booking.lifecycle.sagas.change_dates.saga import CHANGE_DATES
from shared.contracts.availability import RoomsChanged
from shared.contracts.booking import BookingRequested, booking_id_of
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, GuestCheckedIn, GuestNotShown
from shared.contracts.booking.staff import (
    CancelBooking,
    ChangeDates,
    CheckIn,
    CheckOut,
    MarkNoShow,
    RejectBooking,
    StaffCommand,
)
from shared.contracts.topics import SERVICES
from shared.messages.message import Message
from shared.saga.table import Kind, SagaTable
from tests.support.builders.bookings import CHECK_IN, request, room, transfer_for
from tests.support.doubles.transport import START
from tests.support.oracle import check_at_rest
from tests.support.sagas.in_memory_cluster import Fault, Hop, InMemoryCluster, Seen, cluster_of
from tests.support.sagas.step_faults import faults_of
from tests.support.sagas.storm import CRASHES, Case, How, cases, good_end
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
_numbers = count(1)
PAID = Decimal("690.00")


@pytest.fixture(scope="module")
def urls(module_database: FreshDatabase) -> dict[str, str]:
    return {service: module_database(service) for service in SERVICES}


@pytest.fixture
async def cluster(urls: dict[str, str]) -> AsyncIterator[InMemoryCluster]:
    async with cluster_of(urls) as cluster:
        yield cluster


def first_night() -> date:
    """The first of three nights that no other test wants, far enough ahead to be cancelled free of charge."""
    return CHECK_IN + timedelta(days=10 + 3 * next(_numbers))


@dataclass
class Guest:
    """A booking that is confirmed, and the staff that does something with it."""

    cluster: InMemoryCluster
    wanted: BookingRequested
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.id = booking_id_of(self.wanted.request_id)

    async def tell(self, kind: type[StaffCommand], command_id: UUID | None = None, **more: Any) -> UUID:
        """Give a command and wait until nothing more comes of it."""
        command = kind(command_id=command_id or uuid4(), booking_id=self.id, who="Marta", **more)
        await self.cluster.publish(command)
        await self.cluster.run(until=self.cluster.clock() + timedelta(hours=2))
        return command.command_id

    async def row(self) -> Any:
        (row,) = await self.cluster.ask("booking", "SELECT * FROM bookings WHERE id = $1", self.id)
        return row

    async def answer(self, command_id: UUID) -> Any:
        (row,) = await self.cluster.ask("booking", "SELECT * FROM commands WHERE id = $1", command_id)
        return row

    async def actions(self) -> list[str]:
        rows = await self.cluster.ask(
            "booking", "SELECT action FROM audit_log WHERE booking_id = $1 ORDER BY id", self.id
        )
        return [row["action"] for row in rows]

    def events(self, kind: type[Message]) -> list[Any]:
        """Events of a kind about this booking, each once however often it was sent."""
        mine = [message for message in self.cluster.messages(kind) if message.booking_id == self.id]
        return [one for place, one in enumerate(mine) if one not in mine[:place]]


async def guest(cluster: InMemoryCluster, night: date | None = None, nights: int = 1, **more: Any) -> Guest:
    """A confirmed booking of three Junior rooms, 690.00, unless told otherwise."""
    number, night = next(_numbers), night or first_night()
    dates = {"check_in": night.isoformat(), "check_out": (night + timedelta(days=nights)).isoformat()}
    payment = {
        "method": "bank_transfer",
        "amount": str(PAID * nights),
        "slip_date": START.date().isoformat(),
        "reference": f"slip life {number}",
    }
    wanted = request(f"life {number}", **dates | {"payment": payment} | more)
    await cluster.publish(transfer_for(f"life {number}", str(PAID * nights)), wanted)
    await cluster.run(until=cluster.clock() + timedelta(minutes=5))
    return Guest(cluster, wanted)


async def whole(cluster: InMemoryCluster) -> None:
    """Let everything come to rest, timers included, and see that all is well."""
    cluster.faults = []
    await check_at_rest(cluster)


@dataclass(frozen=True, slots=True)
class Clean:
    """The hops of a life that nothing struck."""

    ending: tuple[Seen, ...]
    changing: tuple[Seen, ...]
    dropping: tuple[Seen, ...]


@pytest.fixture(scope="module")
def clean_runs() -> list[Clean]:
    return []


@pytest.fixture
async def clean(cluster: InMemoryCluster, clean_runs: list[Clean]) -> Clean:
    """Played once for the whole module: an end, a change, and a change that is dropped for want of its answer."""
    if not clean_runs:
        first = await guest(cluster)
        cluster.seen.clear()
        await first.tell(CancelBooking)
        ending = tuple(cluster.seen)
        second = await guest(cluster)
        cluster.seen.clear()
        await move(second)
        changing = tuple(cluster.seen)
        cluster.faults = [Fault(Hop("booking", RoomsChanged.type_name), How.REPLY_LOST)]
        cluster.seen.clear()
        await move(second, by=2)
        clean_runs.append(Clean(ending, changing, tuple(cluster.seen)))
        await whole(cluster)
        cluster.seen.clear()
    return clean_runs[0]


async def move(one: Guest, by: int = 1) -> UUID:
    """Change the dates to as many days later, and a night longer."""
    check_in = one.wanted.check_in + timedelta(days=by)
    return await one.tell(ChangeDates, check_in=check_in, check_out=check_in + timedelta(days=1))


def struck(seen: tuple[Seen, ...], case: Case, table: SagaTable[Any]) -> list[Fault]:
    """What goes wrong: at whoever does the step or undoes it, and at booking when the answer comes."""
    step = table.step(case.step)
    kind = step.undone if case.undoing else step.done
    does = next(one.hop for one in seen if kind and kind.type_name in one.sent)
    return faults_of(step, case, does, CHANGE_DATES.step("hold the new nights"))


def of(table: SagaTable[Any]) -> list[Case]:
    """The cases that strike at a step's messages; deciding has none of its own."""
    deciding = {step.name for step in table.steps if step.kind is Kind.PIVOT}
    listed = cases(table, SimpleNamespace(outside=False))
    return [case for case in listed if case.how is not How.REFUSED and case.step not in deciding]


@pytest.mark.parametrize("case", of(CANCELLATION), ids=str)
async def test_a_cancellation_weathers(cluster: InMemoryCluster, clean: Clean, case: Case) -> None:
    one = await guest(cluster)
    cluster.faults = struck(clean.ending, case, CANCELLATION)
    await one.tell(CancelBooking)
    assert all(fault.struck for fault in cluster.faults), f"did not come about: {cluster.faults}"
    (told,) = one.events(BookingCancelled)
    assert (told.fee, told.refund) == (0, PAID)
    assert await one.actions() == ["CREATE", "CONFIRM", "CANCEL", "REFUND"]
    await whole(cluster)


@pytest.mark.parametrize("case", of(CHANGE_DATES), ids=str)
async def test_a_change_of_dates_weathers(cluster: InMemoryCluster, clean: Clean, case: Case) -> None:
    one = await guest(cluster)
    cluster.faults = struck(clean.dropping if case.undoing else clean.changing, case, CHANGE_DATES)
    answer = await one.answer(await move(one))
    assert all(fault.struck for fault in cluster.faults), f"did not come about: {cluster.faults}"
    good = good_end(CHANGE_DATES, case)
    assert answer["state"] == ("done" if good else "refused"), dict(answer)
    assert (await one.row())["check_in"] == one.wanted.check_in + timedelta(days=1 if good else 0)
    assert len(one.events(BookingModified)) == (1 if good else 0)
    assert await one.actions() == ["CREATE", "CONFIRM", *(["MODIFY"] if good else [])]
    await whole(cluster)


@pytest.mark.parametrize("how", [*CRASHES, How.TWICE], ids=str)
@pytest.mark.parametrize("kind", [CancelBooking, ChangeDates], ids=lambda kind: kind.__name__)
async def test_a_command_weathers_whatever_happens_to_booking(
    cluster: InMemoryCluster, kind: type[StaffCommand], how: How
) -> None:
    """The decision of an end has no message of its own before it but the command."""
    one = await guest(cluster)
    cluster.faults = [Fault(Hop("booking", kind.type_name), how)]
    if kind is CancelBooking:
        await one.tell(kind)
    else:
        await move(one)
    assert all(fault.struck for fault in cluster.faults)
    assert await one.actions() == [
        "CREATE",
        "CONFIRM",
        *(["CANCEL", "REFUND"] if kind is CancelBooking else ["MODIFY"]),
    ]
    await whole(cluster)


async def test_the_same_command_again_is_done_once_and_answered_alike(cluster: InMemoryCluster) -> None:
    one = await guest(cluster)
    command_id = await one.tell(CancelBooking)
    before = await one.answer(command_id)
    await one.tell(CancelBooking, command_id)
    other = await one.answer(await one.tell(CancelBooking))
    assert await one.answer(command_id) == before
    assert (other["state"], "CANCELLED cannot become CANCELLED" in other["refusal"]["text"]) == ("refused", True)
    assert await one.actions() == ["CREATE", "CONFIRM", "CANCEL", "REFUND"]
    await whole(cluster)


async def test_late_a_cancellation_costs_the_first_night(cluster: InMemoryCluster) -> None:
    one = await guest(cluster, CHECK_IN + timedelta(days=1), 2)
    cluster.clock.now = max(cluster.clock.now, START + timedelta(days=4))
    await one.tell(CancelBooking)
    (told,) = one.events(BookingCancelled)
    assert (told.fee, told.refund) == (PAID, PAID)
    assert told.rule.startswith("Sin cargo hasta 72 horas")
    assert f"{PAID}" in told.text
    await whole(cluster)


async def test_other_dates_keep_the_rooms_where_they_can_be_kept(cluster: InMemoryCluster) -> None:
    night = first_night()
    one = await guest(cluster, night)
    rooms = {
        row["room"] for row in await cluster.ask("booking", "SELECT room FROM stays WHERE booking_id = $1", one.id)
    }
    await one.tell(ChangeDates, check_in=night, check_out=night + timedelta(days=2))
    (told,) = one.events(BookingModified)
    assert {room.room for room in told.rooms} == rooms
    assert (told.total, told.revision) == (PAID * 2, 1)
    row = await one.row()
    assert (row["total"] - row["paid"]) == PAID
    await whole(cluster)


async def test_reminders_follow_a_change_and_end_with_a_cancellation(cluster: InMemoryCluster) -> None:
    moved, off = await guest(cluster), await guest(cluster)
    await move(moved, by=2)
    await off.tell(CancelBooking)
    await cluster.run()  # through the stay and behind it
    sql = "SELECT DISTINCT occasion FROM deliveries WHERE booking_id = $1 AND occasion LIKE ANY($2)"
    kinds = ["arrival_reminder%", "departure_reminder%", "feedback%"]
    reminded = {
        one.id: {row["occasion"] for row in await cluster.ask("notifications", sql, one.id, kinds)}
        for one in (moved, off)
    }
    arrival = moved.wanted.check_in + timedelta(days=2)
    departure = arrival + timedelta(days=1)
    assert reminded[off.id] == set()
    assert reminded[moved.id] == {
        f"arrival_reminder:{arrival}",
        f"departure_reminder:{departure}",
        "feedback",  # asked for once, whatever becomes of the dates
    }
    await whole(cluster)


async def test_a_full_house_may_be_stayed_in_for_longer_but_not_moved_into(cluster: InMemoryCluster) -> None:
    """Five Matrimonial rooms: whoever has them may keep them, and nobody gets one beside them."""
    night = first_night()
    everybody = [room(2, "Matrimonial")] * 5
    money = {"method": "bank_transfer", "amount": "862.50", "slip_date": START.date().isoformat()}
    wanted = request(
        f"life full {night}",
        check_in=night.isoformat(),
        check_out=(night + timedelta(days=1)).isoformat(),
        rooms=everybody,
        payment=money | {"reference": f"slip life full {night}"},
    )
    await cluster.publish(transfer_for(wanted.request_id, "862.50"), wanted)
    await cluster.run(until=cluster.clock() + timedelta(minutes=5))
    full = Guest(cluster, wanted)
    longer = await full.answer(await full.tell(ChangeDates, check_in=night, check_out=night + timedelta(days=2)))
    assert longer["state"] == "done", dict(longer)
    late = request(
        f"life late {night}",
        check_in=(night + timedelta(days=2)).isoformat(),
        check_out=(night + timedelta(days=3)).isoformat(),
        rooms=[room(2, "Matrimonial")],
        payment=money | {"amount": "172.50", "reference": f"slip life late {night}"},
    )
    await cluster.publish(transfer_for(late.request_id, "172.50"), late)
    await cluster.run(until=cluster.clock() + timedelta(minutes=5))
    other = Guest(cluster, late)
    refused = await other.answer(
        await other.tell(ChangeDates, check_in=night + timedelta(days=1), check_out=night + timedelta(days=3))
    )
    assert (refused["state"], refused["refusal"]["code"] == "not_enough_rooms") == ("refused", True)
    assert (await other.row())["check_in"] == late.check_in
    await whole(cluster)


async def test_guests_come_and_go(cluster: InMemoryCluster) -> None:
    one = await guest(cluster, cluster.clock().date() + timedelta(days=3))
    cluster.clock.now = cluster.clock().replace(hour=22) + timedelta(days=3)
    early = await one.answer(await one.tell(CheckOut))
    assert early["state"] == "refused"
    await one.tell(CheckIn)
    (told,) = one.events(GuestCheckedIn)
    assert len(told.reservation_codes) == 3
    refused = await one.answer(await one.tell(CancelBooking))
    assert "CHECKED_IN cannot become CANCELLED; allowed: CHECKED_OUT" in refused["refusal"]["text"]
    await one.tell(CheckOut)
    assert (await one.row())["status"] == "CHECKED_OUT"
    assert await one.actions() == ["CREATE", "CONFIRM", "CHECK_IN", "CHECK_OUT"]
    await whole(cluster)


async def test_a_no_show_frees_the_rooms_and_costs_its_fee(cluster: InMemoryCluster) -> None:
    one = await guest(cluster, cluster.clock().date() + timedelta(days=3), 2)
    early = await one.answer(await one.tell(MarkNoShow))
    assert early["refusal"]["code"] == "too_early"
    cluster.clock.now = cluster.clock().replace(hour=23) + timedelta(days=3)
    await one.tell(MarkNoShow)
    row = await one.row()
    assert (row["status"], row["fee"], row["refund"]) == ("NO_SHOW", PAID, PAID)
    assert len(one.events(GuestNotShown)) == 1
    await whole(cluster)


@pytest.mark.parametrize(("kind", "status"), [(RejectBooking, "REJECTED"), (CancelBooking, "CANCELLED")])
async def test_what_still_waits_for_its_money_is_given_up(
    cluster: InMemoryCluster, kind: type[StaffCommand], status: str
) -> None:
    night, number = first_night(), next(_numbers)
    money = {"method": "bank_transfer", "slip_date": START.date().isoformat(), "reference": f"slip open {number}"}
    wanted = request(
        f"life open {number}",
        check_in=night.isoformat(),
        check_out=(night + timedelta(days=1)).isoformat(),
        payment=money | {"amount": f"7{number:02}.37"},  # like no money that has come
    )
    await cluster.publish(wanted)
    await cluster.run(until=cluster.clock() + timedelta(minutes=1))
    one = Guest(cluster, wanted)
    assert (await one.row())["status"] == "PENDING"
    await one.tell(kind, reason="the hotel closes")
    assert (await one.row())["status"] == status
    (line,) = await cluster.ask("booking", "SELECT * FROM audit_log WHERE booking_id = $1 AND who = 'Marta'", one.id)
    action = {"REJECTED": "REJECT", "CANCELLED": "CANCEL"}[status]
    assert (line["action"], line["reason"]) == (action, "the hotel closes")
    await whole(cluster)
