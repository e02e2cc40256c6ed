"""Every step of the life's sagas failing in every way, over the engine alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.booking.lifecycle.event_context import EventContext
from services.booking.lifecycle.sagas.cancellation.data import CancellationData, End
from services.booking.lifecycle.sagas.cancellation.saga import CANCELLATION
from services.booking.lifecycle.sagas.change_dates.data import DateChangeData
from services.booking.lifecycle.sagas.change_dates.saga import CHANGE_DATES
from services.booking.lifecycle.sagas.stays_end.data import StaysEndData
from services.booking.lifecycle.sagas.stays_end.saga import STAYS_END
from shared.contracts.availability import PlacedWish, RoomsChanged, RoomsNotChanged, StaysGivenUp
from shared.contracts.booking import BookedRoom, Contact, Guest
from shared.contracts.booking.lifecycle import BookingCancelled, CancellationDecided, GuestNotShown
from shared.contracts.common import Language
from shared.contracts.payments import BookingRepriced
from shared.messages.message import Message, Outgoing
from shared.saga import engine
from shared.saga.state import Phase
from tests.support.builders.bookings import CHECK_IN, NOT_BOOKED, PROPERTY
from tests.support.builders.lifecycle import held
from tests.support.doubles.transport import START
from tests.support.sagas.storm import Case, cases, weather

BOOKING = uuid4()
CONTEXT = EventContext(
    request_id="r1",
    property=PROPERTY,
    language=Language.SPANISH,
    guest=Guest(name="Ana", email="ana@example.com"),
    contact=Contact(),
)
WISH = PlacedWish(line=1, type="Junior", adults=2, room="18", code="HR1")
DATES = {"check_in": CHECK_IN, "check_out": CHECK_IN + timedelta(days=1)}
CHANGING = DateChangeData(
    booking_id=BOOKING,
    command_id=uuid4(),
    order=1,
    revision=1,
    context=CONTEXT,
    package="Las Hojas",
    wishes=(WISH,),
    who="Marta",
    reason="later",
    **DATES,
)


def ending(**more: Any) -> CancellationData:
    """An end of a booking."""
    facts = {"booking_id": BOOKING, "command_id": uuid4(), "end": End.CANCELLED, "order": 1, "context": CONTEXT}
    facts |= {"codes": ("HR1",), "fee": "0.00", "rule": "", "currency": "USD", "who": "Marta", "reason": "ill"}
    return CancellationData.model_validate(facts | DATES | more)


def ending_stays() -> StaysEndData:
    """An end of one of two stays."""
    room = BookedRoom(line=2, code="HR2", room="19", type="junior", type_label="Junior", adults=2, amount="172.50")
    facts = {"booking_id": BOOKING, "command_id": uuid4(), "end": End.NO_SHOW, "order": 1, "revision": 1}
    facts |= {"context": CONTEXT, "package": "Las Hojas", "stays": {"18": "HR1"}, "rooms": (room,), "total": "172.50"}
    return StaysEndData.model_validate(facts | DATES | {"fee": "86.25", "currency": "USD", "who": "M", "reason": "ill"})


def answer(kind: type[Message]) -> Message:
    """What a service says."""
    if kind is RoomsChanged:
        room = held(WISH, 1)
        return RoomsChanged(booking_id=BOOKING, change=1, rooms=(room,), total=room.amount, currency="USD")
    if kind is RoomsNotChanged:
        return RoomsNotChanged(booking_id=BOOKING, change=1, refusal=NOT_BOOKED)
    if kind is BookingRepriced:
        return BookingRepriced(booking_id=BOOKING, change=1, paid="0.00", refund="690.00", at=START)
    if kind is StaysGivenUp:
        return StaysGivenUp(booking_id=BOOKING, change=1)
    return kind.model_construct()


@pytest.mark.parametrize("case", cases(CHANGE_DATES, CHANGING), ids=str)
def test_a_change_of_dates(case: Case) -> None:
    weather(CHANGE_DATES, CHANGING, case, START, answer).check()


@pytest.mark.parametrize("outside", [False, True])
def test_an_end(outside: bool) -> None:
    data = ending(outside=outside)
    struck = [case for case in cases(CANCELLATION, data) if case.step != "decide"]
    assert {case.step for case in struck} == {step.name for step in CANCELLATION.retriables} - (
        set() if outside else {"cancel orders"}
    )
    for case in struck:
        weather(CANCELLATION, data, case, START, answer).check()


def test_an_end_of_single_stays() -> None:
    data = ending_stays()
    struck = [case for case in cases(STAYS_END, data) if case.step != "decide"]
    assert {case.step for case in struck} == {step.name for step in STAYS_END.retriables}
    for case in struck:
        weather(STAYS_END, data, case, START, answer).check()


@pytest.mark.parametrize(
    ("end", "event"),
    [(End.CANCELLED, CancellationDecided), (End.CANCELLED, BookingCancelled), (End.NO_SHOW, GuestNotShown)],
)
def test_an_end_is_told_once_under_one_id(end: End, event: type[Message]) -> None:
    data = ending(end=end)
    turn = engine.begin(CANCELLATION, data, START)
    sent = list(turn.sends)
    for _ in range(2):
        for step in CANCELLATION.retriables:
            assert step.done
            turn = engine.advance(CANCELLATION, turn.state, answer(step.done), START)
            sent += turn.sends
    assert turn.progress.phase is Phase.ENDED
    assert len([one for one in sent if isinstance(Outgoing.of(one).message, event)]) == 1
