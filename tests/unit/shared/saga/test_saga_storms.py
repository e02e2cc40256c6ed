"""Every step of every saga table failing in every way, over the engine alone; and that the helper would notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

from services.booking.requests.saga.data import RequestData
from services.booking.requests.saga.messages import ORDER_PATIENCE
from services.booking.requests.saga.table import BOOKING_REQUEST
from shared.contracts.booking import booking_id_of
from shared.contracts.common import Policy
from shared.messages.message import Message
from shared.saga import engine as saga
from shared.saga.engine import Transition
from shared.saga.state import Phase, SagaState
from shared.saga.table import Kind, SagaTable, registry
from tests.support.builders.bookings import CODES, PROPERTY, answer_of, request
from tests.support.doubles.transport import START
from tests.support.sagas.parcel_saga import PARCEL, Parcel, without_undo
from tests.support.sagas.storm import Case, How, applying, cases, weather


def booking(**more: Any) -> RequestData:
    wanted = request()
    return RequestData(
        booking_id=booking_id_of(wanted.request_id),
        request=wanted,
        property=PROPERTY,
        policy=Policy.ALL_OR_NOTHING,
        codes=dict(enumerate(CODES, 1)),
        **more,
    )


# Bookings to which different steps apply: whose rooms were freed while their money was looked for, or are kept by an
# external system.
BOOKINGS = [booking(freed=freed, outside=outside) for freed, outside in product([False, True], repeat=2)]
GIFT = Parcel(gift=True)
PARCELS = [Parcel(), GIFT]


def of_each(table: SagaTable[Any], everyone: list[Any]) -> list[Any]:
    return [
        pytest.param(one, case, id=f"{case} {number}")
        for number, one in enumerate(everyone)
        for case in cases(table, one)
    ]


@pytest.mark.parametrize(("data", "case"), of_each(BOOKING_REQUEST, BOOKINGS))
def test_a_multi_room_booking_weathers(data: RequestData, case: Case) -> None:
    weather(BOOKING_REQUEST, data, case, START, partial(answer_of, outside=data.outside)).check()


@pytest.mark.parametrize(("parcel", "case"), of_each(PARCEL, PARCELS))
def test_a_parcel_weathers(parcel: Parcel, case: Case) -> None:
    weather(PARCEL, parcel, case, START).check()


@pytest.mark.parametrize(
    ("table", "everyone"), [(BOOKING_REQUEST, BOOKINGS), (PARCEL, PARCELS)], ids=["booking", "parcel"]
)
def test_every_step_is_struck_in_every_way_of_its_kind(table: SagaTable[Any], everyone: list[Any]) -> None:
    """Optional ones too: a step whose `when` none of the data above fulfils needs another one there."""
    listed = [case for one in everyone for case in cases(table, one)]
    for one in everyone:
        assert len(cases(table, one)) == len({str(case) for case in cases(table, one)})
    for step in table.steps:
        hows = {case.how for case in listed if case.step == step.name and not case.undoing}
        if step.kind is Kind.PIVOT:
            assert hows == {How.CRASHED_BEFORE, How.CRASHED_AFTER}
        else:
            assert hows == set(How) - (set() if step.refused else {How.REFUSED})


def test_the_optional_steps_of_a_booking_stand_before_its_decision() -> None:
    names = [step.name for step in BOOKING_REQUEST.steps]
    assert names[:5] == ["hold rooms", "reserve payment", "hold rooms again", "order rooms", "confirm"]
    assert [[step.name for step in applying(BOOKING_REQUEST, one).steps][2:-5] for one in BOOKINGS] == [
        [],
        ["order rooms"],
        ["hold rooms again"],
        ["hold rooms again", "order rooms"],
    ]


def caught(table: SagaTable[Any], engine: Any = saga) -> list[str]:
    """The cases that a saga does not weather."""
    found = []
    for case in cases(table, GIFT):
        try:
            weather(table, GIFT, case, START, engine=engine).check()
        except AssertionError:
            found.append(str(case))
    return found


@pytest.mark.parametrize("name", ["pack", "wrap", "insure"])
def test_an_undo_that_is_missing_is_caught(name: str) -> None:
    assert f"{name}: {How.REPLY_LOST}" in caught(without_undo(PARCEL, name))


def test_an_engine_that_does_not_skip_is_caught() -> None:
    def always(listening: SagaTable[Any]) -> SagaTable[Any]:
        return replace(listening, steps=tuple(replace(step, when=lambda _: True) for step in listening.steps))

    engine = broken(
        begin=lambda table, data, now: saga.begin(always(table), data, now),
        advance=lambda table, state, reply, now: saga.advance(always(table), state, reply, now),
    )
    with pytest.raises(AssertionError, match="wrap does not apply"):
        weather(PARCEL, Parcel(), Case("pack", How.TWICE), START, engine=engine)


def broken(**functions: Any) -> Any:
    parts = {"begin": saga.begin, "advance": saga.advance, "wake": saga.wake}
    return SimpleNamespace(**parts | functions)


def test_an_engine_that_leaves_the_timed_out_step_standing_is_caught() -> None:
    def wake(table: SagaTable[Any], state: SagaState[Any], now: datetime) -> Transition[Any]:
        if state.progress.phase is not Phase.RUNNING:
            return Transition(state)
        return _forgetting_last(saga.wake(table, state, now))

    assert f"insure: {How.REPLY_LOST}" in caught(PARCEL, broken(wake=wake))


def _forgetting_last(turn: Transition[Any]) -> Transition[Any]:
    if turn.progress.phase is not Phase.UNDOING:
        return turn
    pending = turn.progress.pending[1:]
    ended = {} if pending else {"phase": Phase.ENDED, "wake_at": None}
    return Transition(SagaState(turn.data, replace(turn.progress, pending=pending, **ended)), turn.sends[1:])


def test_an_engine_that_undoes_behind_the_pivot_is_caught() -> None:
    def advance(table: SagaTable[Any], state: SagaState[Any], reply: Message, now: datetime) -> Transition[Any]:
        after = saga.advance(table, state, reply, now)
        if after.progress.phase is not Phase.FINISHING or after.progress is state.progress:
            return after
        undo = [send for step in table.steps if step.undo for send in step.undo(after.data, now)]
        return replace(after, sends=(*after.sends, *undo))

    assert len(caught(PARCEL, broken(advance=advance))) >= 10


def test_an_engine_that_counts_an_answer_twice_is_caught() -> None:
    def advance(table: SagaTable[Any], state: SagaState[Any], reply: Message, now: datetime) -> Transition[Any]:
        step = table.step(state.progress.step)
        late = state.progress.phase is not Phase.RUNNING and step.done and isinstance(reply, step.done)
        if late:
            again = replace(state.progress, phase=Phase.RUNNING)
            return saga.advance(table, SagaState(state.data, again), reply, now)
        return saga.advance(table, state, reply, now)

    assert f"insure: {How.TWICE}" in caught(PARCEL, broken(advance=advance))


def test_two_sagas_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two sagas have the same name"):
        registry(PARCEL, BOOKING_REQUEST, replace(PARCEL, refuse=lambda *_: ()))


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two steps have the same name"):
        replace(PARCEL, steps=(PARCEL.steps[0], *PARCEL.steps))


def test_a_step_may_be_more_patient_than_its_saga() -> None:
    hurried = BOOKING_REQUEST.with_patience(timedelta(seconds=7))
    waits = {step.name: hurried.patience_with(step) for step in BOOKING_REQUEST.steps}
    assert waits.pop("order rooms") == ORDER_PATIENCE
    assert set(waits.values()) == {timedelta(seconds=7)}
