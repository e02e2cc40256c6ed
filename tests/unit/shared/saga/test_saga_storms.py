"""Every step of every saga table failing in every way, over the engine alone; and that the helper would notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from services.booking.requests.saga.table import MULTI_ROOM, MultiRoomData, course_of
from shared.contracts.common import Policy
from shared.messages.message import Message
from shared.saga import engine as saga
from shared.saga.engine import Transition
from shared.saga.state import Phase
from shared.saga.table import Kind, SagaTable
from tests.support.builders.bookings import CODES, HOUSE, answer_of, request
from tests.support.doubles.transport import START
from tests.support.sagas.parcel_saga import PARCEL, Parcel, without_undo
from tests.support.sagas.storm import Case, How, cases, weather


def booking(**more: Any) -> MultiRoomData:
    wanted = request()
    return MultiRoomData(
        booking_id=answer_of(MULTI_ROOM.steps[0].done).booking_id,  # type: ignore[arg-type, union-attr]
        request=wanted,
        property=HOUSE,
        policy=Policy.ALL_OR_NOTHING,
        codes=CODES,
        **more,
    )


# A booking's course is longer where its rooms were freed while its money was looked for, or where another system keeps
# them: as a table, the longer one is weathered as any other.
LONGER = [{"freed": True}, {"outside": True}, {"freed": True, "outside": True}]
LONG_COURSES = [(more, case) for more in LONGER for case in cases(course_of(MULTI_ROOM, booking(**more)))]


@pytest.mark.parametrize("case", cases(MULTI_ROOM), ids=str)
def test_a_multi_room_booking_weathers(case: Case) -> None:
    weather(MULTI_ROOM, booking(), case, START, answer_of).check()


@pytest.mark.parametrize(
    ("more", "case"), LONG_COURSES, ids=lambda one: str(one) if isinstance(one, Case) else "+".join(one)
)
def test_a_longer_booking_weathers(more: dict[str, bool], case: Case) -> None:
    data = booking(**more)
    weather(course_of(MULTI_ROOM, data), data, case, START, answer_of).check()


def test_the_longer_courses_have_their_steps() -> None:
    names = [step.name for step in course_of(MULTI_ROOM, booking(freed=True, outside=True)).steps]
    assert names[:5] == ["hold rooms", "reserve payment", "hold rooms again", "order rooms", "confirm"]


@pytest.mark.parametrize("case", cases(PARCEL), ids=str)
def test_a_parcel_weathers(case: Case) -> None:
    weather(PARCEL, Parcel(), case, START).check()


def caught(table: SagaTable[Any], engine: Any = saga) -> list[str]:
    """The cases that a saga does not weather."""
    found = []
    for case in cases(table):
        try:
            weather(table, Parcel(), case, START, engine=engine).check()
        except AssertionError:
            found.append(str(case))
    return found


@pytest.mark.parametrize("name", ["pack", "insure"])
def test_an_undo_that_is_missing_is_caught(name: str) -> None:
    assert f"{name}: {How.REPLY_LOST}" in caught(without_undo(PARCEL, name))


def broken(**functions: Any) -> Any:
    parts = {"begin": saga.begin, "advance": saga.advance, "wake": saga.wake}
    return SimpleNamespace(**parts | functions)


def test_an_engine_that_leaves_the_timed_out_step_standing_is_caught() -> None:
    def wake(table: SagaTable[Any], turn: Transition[Any], now: datetime) -> Transition[Any]:
        return _forgetting_last(saga.wake(table, turn, now)) if turn.progress.phase is Phase.RUNNING else turn

    assert f"insure: {How.REPLY_LOST}" in caught(PARCEL, broken(wake=wake))


def _forgetting_last(turn: Transition[Any]) -> Transition[Any]:
    if turn.progress.phase is not Phase.UNDOING:
        return turn
    pending = turn.progress.pending[1:]
    ended = {} if pending else {"phase": Phase.ENDED, "wake_at": None}
    return replace(turn, progress=replace(turn.progress, pending=pending, **ended), sends=turn.sends[1:])


def test_an_engine_that_undoes_behind_the_pivot_is_caught() -> None:
    def advance(table: SagaTable[Any], turn: Transition[Any], reply: Message, now: datetime) -> Transition[Any]:
        after = saga.advance(table, turn, reply, now)
        if after.progress.phase is not Phase.FINISHING or after.progress is turn.progress:
            return after
        undo = [send for step in table.steps if step.undo for send in step.undo(after.data, now)]
        return replace(after, sends=(*after.sends, *undo))

    assert len(caught(PARCEL, broken(advance=advance))) >= 10


def test_an_engine_that_counts_an_answer_twice_is_caught() -> None:
    def advance(table: SagaTable[Any], turn: Transition[Any], reply: Message, now: datetime) -> Transition[Any]:
        step = table.steps[turn.progress.at_step]
        late = turn.progress.phase is not Phase.RUNNING and step.done and isinstance(reply, step.done)
        if late:
            again = replace(turn.progress, phase=Phase.RUNNING)
            return saga.advance(table, Transition(turn.data, again), reply, now)
        return saga.advance(table, turn, reply, now)

    assert f"insure: {How.TWICE}" in caught(PARCEL, broken(advance=advance))


def test_the_cases_cover_every_step_in_every_way_of_its_kind() -> None:
    listed = cases(MULTI_ROOM)
    assert len(listed) == len({str(case) for case in listed})
    for step in MULTI_ROOM.steps:
        hows = {case.how for case in listed if case.step == step.name and not case.undoing}
        if step.kind is Kind.PIVOT:
            assert hows == {How.CRASHED_BEFORE, How.CRASHED_AFTER}
        else:
            assert hows == set(How) - (set() if step.refused else {How.REFUSED})
