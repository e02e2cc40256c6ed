"""Whatever is asked of a booking, in whatever order, however often: it moves along the table, each move told once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.booking import sagas
from services.booking.lifecycle import ends
from services.booking.lifecycle import handlers as life_handlers
from services.booking.lifecycle.batch import State
from services.booking.lifecycle.commands import answered
from services.booking.record.audit_log import Action
from services.booking.record.booking import Booking
from services.booking.record.cancellation_fee import CancellationTerms
from services.booking.record.states import FOLLOWS, STAY_FOLLOWS, Status, StayStatus
from services.booking.requests import handlers
from services.booking.requests.property import Property
from services.booking.requests.recorded import booking_row, stays_of
from services.booking.unit_of_work import UnitOfWork
from shared.consumer.routing import RefusedTooLate
from shared.contracts.availability import (
    ChangeDropped,
    ChangeKept,
    ChangeRooms,
    DropChange,
    GiveUpStays,
    KeepChange,
    ReleaseRooms,
    RoomsNotChanged,
    RoomsReleased,
    StaysGivenUp,
)
from shared.contracts.booking import booking_id_of
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, GuestCheckedOut
from shared.contracts.booking.staff import (
    CancelBooking,
    ChangeDates,
    ChangeDue,
    CheckIn,
    CheckOut,
    MarkNoShow,
    RejectBooking,
    StaffCommand,
)
from shared.contracts.payments import BookingRepriced, RepriceBooking
from shared.errors import Refusal
from shared.messages.message import Message, Outgoing
from shared.saga.state import Phase
from tests.support.builders.bookings import CHECK_IN, CODES, NOT_BOOKED, replies, request, unit_of_work
from tests.support.builders.lifecycle import changed
from tests.support.doubles.transport import START
from tests.support.scale import scaled

BOOKING = booking_id_of("r1")
PROPERTY = Property(
    "las-hojas", "Las Hojas Resort", "America/El_Salvador", terms=CancellationTerms("standard", 72, first_night=True)
)
ENDED = {Status.CANCELLED, Status.NO_SHOW}
HANDLERS: dict[type, Any] = {
    CancelBooking: ends.cancel_booking,
    MarkNoShow: ends.mark_no_show,
    RejectBooking: life_handlers.reject_booking,
    CheckIn: life_handlers.check_in,
    CheckOut: life_handlers.check_out,
    ChangeDates: life_handlers.change_dates,
}


@dataclass
class Walk:
    """A confirmed booking in memory, what its services still have to answer, and everywhere that it has been."""

    bookings: UnitOfWork = field(default_factory=lambda: unit_of_work(PROPERTY))
    now: Any = START
    asked: list[Message] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    refuses: bool = False
    been: list[Status] = field(default_factory=list)
    stays_been: dict[str, list[StayStatus]] = field(default_factory=dict)
    repriced: dict[int, BookingRepriced] = field(default_factory=dict)
    fees: dict[int, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hear(handlers.request_booking(self.bookings, request(), self.now))
        for reply in replies():
            self._hear(sagas.take_reply(self.bookings, reply, self.now))
        row = booking_row(self.bookings.changes[BOOKING])
        stays = tuple(stays_of(self.bookings.sagas.by_id[BOOKING].data))
        self.lifecycle.bookings[BOOKING] = Booking(
            **{one.name: getattr(row, one.name) for one in fields(row)}, stays=stays
        )
        self._look()

    @property
    def lifecycle(self) -> Any:
        return self.bookings.lifecycle

    @property
    def booking(self) -> Booking:
        found: Booking = self.lifecycle.bookings[BOOKING]
        return found

    def say(self, given: StaffCommand) -> None:
        """The staff says something."""
        self._hear(HANDLERS[type(given)](self.bookings, given, self.now))

    def answer(self, place: int, *, again: bool) -> None:
        """A service answers something that it was asked, perhaps not for the first time."""
        if self.asked:
            asked = self.asked[place % len(self.asked)]
            if not again:
                self.asked.remove(asked)
            self._hear(sagas.take_reply(self.bookings, self._answer_to(asked), self.now))

    def wait(self, hours: int) -> None:
        """Time passes."""
        self.now += timedelta(hours=hours)
        self._hear(sagas.wake_saga(self.bookings, ChangeDue(booking_id=BOOKING), self.now))

    def settle(self) -> None:
        """Everybody answers, until nothing is under way."""
        for _ in range(50):
            while self.asked:
                self.answer(0, again=False)
            if self.booking.saga_id is None:
                return
            self.wait(1)
        raise AssertionError(f"it never comes to rest: {self.booking}")

    def _answer_to(self, asked: Message) -> Message:
        change = getattr(asked, "change", 0)
        if isinstance(asked, ChangeRooms):
            refusal = RoomsNotChanged(booking_id=BOOKING, change=change, refusal=NOT_BOOKED)
            return refusal if self.refuses else changed(asked)
        if isinstance(asked, RepriceBooking):
            return self.repriced.setdefault(change, self._reprice(asked))
        kind = {KeepChange: ChangeKept, DropChange: ChangeDropped, GiveUpStays: StaysGivenUp}.get(type(asked))
        return kind(booking_id=BOOKING, change=change) if kind else RoomsReleased(booking_id=BOOKING)

    def _reprice(self, asked: RepriceBooking) -> BookingRepriced:
        """What payments would say to a change that it hears for the first time."""
        before = [one for number, one in self.repriced.items() if number < asked.change]
        had = before[-1].paid if before else Decimal("690.00")
        self.fees[asked.change] = asked.fee
        due = asked.total + sum(fee for number, fee in self.fees.items() if number <= asked.change)
        paid = min(had, due) if asked.refunds else had
        return BookingRepriced(booking_id=BOOKING, change=asked.change, paid=paid, refund=had - paid, at=self.now)

    def _hear(self, sends: Any) -> None:
        for send in sends:
            message = Outgoing.of(send).message
            self.sent.append(message)
            if isinstance(message, ChangeRooms | KeepChange | DropChange | GiveUpStays | RepriceBooking | ReleaseRooms):
                self.asked.append(message)
        self._look()

    def _look(self) -> None:
        if BOOKING not in self.lifecycle.bookings:
            return
        if not self.been or self.been[-1] is not self.booking.status:
            self.been.append(self.booking.status)
        for stay in self.booking.stays:
            been = self.stays_been.setdefault(stay.code, [])
            if not been or been[-1] is not stay.status:
                been.append(stay.status)


def said(kind: type[StaffCommand], number: int, day: int, codes: tuple[str, ...]) -> StaffCommand:
    """The same number is the same command: what is drawn twice is a repetition."""
    check_in = CHECK_IN + timedelta(days=day)
    more: dict[str, Any] = {"check_in": check_in, "check_out": check_in + timedelta(days=2)}
    command_id = uuid5(BOOKING, f"{kind.__name__} {number} {day} {codes}")
    facts = {"command_id": command_id, "booking_id": BOOKING, "who": "Marta", "codes": codes, "owing": True} | more
    return kind.model_validate(facts)


COMMANDS = st.builds(
    said,
    st.sampled_from(list(HANDLERS)),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([(), (CODES[0],), (CODES[1], CODES[2])]),
)
STEPS = st.lists(
    st.one_of(
        COMMANDS,
        st.tuples(st.just("answer"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 24, 24 * 6])),
        st.tuples(st.just("refuse"), st.booleans()),
    ),
    max_size=25,
)


@settings(max_examples=scaled(300, part=60), deadline=None)
@given(STEPS)
def test_a_booking_only_moves_along_the_table_and_each_move_is_told_once(steps: list[Any]) -> None:
    walk = Walk()
    for step in steps:
        match step:
            case ("answer", place, again):
                walk.answer(place, again=again)
            case ("wait", hours):
                walk.wait(hours)
            case ("refuse", refuses):
                walk.refuses = refuses
            case _:
                walk.say(step)
    walk.settle()
    check_moves(walk)
    check_told(walk)


def check_moves(walk: Walk) -> None:
    """Along the tables, with a line of the audit log for each move and none beside them."""
    for now, then in zip(walk.been, walk.been[1:], strict=False):
        assert then in FOLLOWS[now]
    for been in walk.stays_been.values():
        for was, became in itertools.pairwise(been):
            assert became in STAY_FOLLOWS[was]
    moves = [change for entry in walk.lifecycle.entries for change in entry.changes if change["field"] == "status"]
    assert [(one["old"], one["new"]) for one in moves] == list(zip(walk.been, walk.been[1:], strict=False))
    assert all(entry.changes or entry.action == "REFUND" for entry in walk.lifecycle.entries)


def check_told(walk: Walk) -> None:
    """A cancellation and each change are told once, every command has its answer, and the money is settled."""
    booking = walk.booking
    assert sum(isinstance(one, BookingCancelled) for one in walk.sent) == (booking.status is Status.CANCELLED)
    revisions = [one.revision for one in walk.sent if isinstance(one, BookingModified)]
    assert revisions == list(range(1, booking.revision + 1))
    assert all(answer.state is not State.UNDER_WAY for answer in walk.lifecycle.answers.values())
    assert booking.total == sum(stay.amount for stay in booking.live if booking.status not in ENDED)
    expected = {stay.status for stay in booking.live} & {StayStatus.CONFIRMED, StayStatus.CHECKED_IN}
    assert bool(expected) is (booking.status in {Status.CONFIRMED, Status.CHECKED_IN})
    assert (booking.fee or 0) == sum(walk.fees.values())
    if booking.status in ENDED:
        assert booking.balance == (booking.fee or 0) - booking.paid
        assert booking.refund == Decimal("690.00") - booking.paid
    under_way: list[UUID] = [
        saga.id
        for saga in walk.bookings.sagas.by_id.values()
        if saga.id != BOOKING and saga.progress.phase is not Phase.ENDED
    ]
    assert not under_way


def test_a_refusal_behind_a_change_is_a_fault() -> None:
    """Its answer would be committed together with the change."""

    @answered
    def late(uow: Any, command: CheckIn, now: datetime) -> Any:
        uow.lifecycle.alter(uow.lifecycle.bookings[command.booking_id], Action.UPDATE, command.who, now)
        raise Refusal("no", "not today")

    walk, command = Walk(), said(CheckIn, 1, 1, ())
    with pytest.raises(RefusedTooLate, match="CheckIn"):
        late(walk.bookings, command, walk.now)
    assert command.command_id not in walk.lifecycle.answers


def test_the_walk_gets_everywhere() -> None:
    """That the property above means something: each end is reached by a walk that goes for it."""
    arrival = date(2026, 3, 15) - START.date()
    for commands, end in (
        ((CancelBooking,), Status.CANCELLED),
        ((ChangeDates, CancelBooking), Status.CANCELLED),
        ((CheckIn, CheckOut), Status.CHECKED_OUT),
        ((MarkNoShow,), Status.NO_SHOW),
        (("HR26181", "HR26182", "HR26183"), Status.CANCELLED),
    ):
        walk = Walk()
        if end in {Status.CHECKED_OUT, Status.NO_SHOW}:
            walk.wait(24 * arrival.days + 7)
        for number, kind in enumerate(commands):
            code = isinstance(kind, str)
            walk.say(said(CancelBooking, number, 1, (kind,)) if code else said(kind, number, 1, ()))
            walk.settle()
        assert walk.booking.status is end
        check_moves(walk)
        check_told(walk)


def test_the_room_that_never_arrives_keeps_no_booking_open() -> None:
    """Two rooms come and go, the third one never arrives: it becomes a no-show, and the booking is checked out."""
    walk = Walk()
    walk.wait(24 * (CHECK_IN - START.date()).days + 7)
    for number, (kind, codes) in enumerate(
        ((CheckIn, CODES[:2]), (CheckOut, CODES[:2]), (MarkNoShow, CODES[2:]), (CheckIn, CODES[2:]))
    ):
        walk.say(said(kind, number, 1, codes))
        walk.settle()
    booking = walk.booking
    assert booking.status is Status.CHECKED_OUT
    assert [stay.status.value for stay in booking.stays] == ["CHECKED_OUT", "CHECKED_OUT", "NO_SHOW"]
    assert walk.lifecycle.answers[said(CheckIn, 3, 1, CODES[2:]).command_id].state is State.REFUSED
    (last,) = [one for one in walk.sent if isinstance(one, GuestCheckedOut) and one.last]
    assert last.reservation_codes == CODES[:2]
    (change,) = [one for one in walk.sent if isinstance(one, BookingModified)]
    assert [room.code for room in change.rooms] == list(CODES[:2])
    assert CODES[2] in change.text
    check_moves(walk)
    check_told(walk)
