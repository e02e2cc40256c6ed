"""Any interleaving, repetition and loss of answers, time-outs and aborts gives a saga one verdict and one outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages.message import Outgoing
from shared.saga import engine
from shared.saga.engine import Transition
from shared.saga.state import Phase, Progress, Verdict
from shared.saga.table import Rejection
from tests.support.doubles.transport import START
from tests.support.sagas.parcel_saga import (
    PARCEL,
    Billed,
    CardSent,
    Insured,
    Packed,
    Parcel,
    TooLarge,
    Tracked,
    Uninsured,
    Unpacked,
    Unwrapped,
    Wrapped,
)

ANSWERS = (Packed, TooLarge, Unpacked, Wrapped, Unwrapped, Insured, Uninsured, Billed, CardSent, Tracked)
PARCELS = st.builds(Parcel, gift=st.booleans())
EVENTS = st.lists(st.one_of(st.sampled_from(ANSWERS), st.sampled_from(["time passes", "abort"])), max_size=40)
OUTCOMES = {"handed over", "not handed over"}


def play(parcel: Parcel, events: list[Any]) -> list[Transition[Parcel]]:
    """Every transition of a parcel's saga when these things happen."""
    now = START
    turns = [engine.begin(PARCEL, parcel, now)]
    for event in events:
        last = turns[-1].state
        if event == "time passes":
            now += timedelta(minutes=11)
            turns.append(engine.wake(PARCEL, last, now))
        elif event == "abort":
            turns.append(engine.abort(PARCEL, last, Rejection(Verdict.FAILED, "aborted"), now))
        else:
            turns.append(engine.advance(PARCEL, last, event(), now))
    return turns


def said(turn: Transition[Parcel]) -> list[str]:
    return [Outgoing.of(send).message.what for send in turn.sends]  # type: ignore[attr-defined]


@given(PARCELS, EVENTS)
def test_a_verdict_is_never_changed(parcel: Parcel, events: list[Any]) -> None:
    verdicts = [turn.progress.verdict for turn in play(parcel, events)]
    decided = [verdict for verdict in verdicts if verdict is not Verdict.OPEN]
    assert verdicts == [Verdict.OPEN] * (len(verdicts) - len(decided)) + decided
    assert len(set(decided)) <= 1


@given(PARCELS, EVENTS)
def test_after_the_pivot_nothing_is_undone_and_before_it_nothing_is_finished(parcel: Parcel, events: list[Any]) -> None:
    for turn in play(parcel, events):
        words = set(said(turn))
        if turn.progress.verdict is Verdict.DONE:
            assert not words & {"unpack", "unwrap", "cancel insurance", "not handed over"}
        else:
            assert not words & {"bill", "card", "handed over"}


@given(PARCELS, EVENTS)
def test_different_outcomes_are_never_told(parcel: Parcel, events: list[Any]) -> None:
    assert len({word for turn in play(parcel, events) for word in said(turn) if word in OUTCOMES}) <= 1


@given(PARCELS, EVENTS)
def test_an_ended_saga_says_nothing_more_and_any_other_wakes_again(parcel: Parcel, events: list[Any]) -> None:
    turns = play(parcel, events)
    for before, after in pairwise(turns):
        if before.progress.phase is Phase.ENDED:
            assert after.sends == ()
            assert after.progress is before.progress
    for turn in turns:
        assert (turn.progress.wake_at is None) is (turn.progress.phase is Phase.ENDED)


@given(PARCELS, EVENTS)
def test_every_answer_delivered_twice_changes_nothing(parcel: Parcel, events: list[Any]) -> None:
    doubled = [event for event in events for _ in range(1 if event == "time passes" else 2)]
    once, twice = play(parcel, events)[-1], play(parcel, doubled)[-1]
    assert (once.data, once.progress) == (twice.data, twice.progress)


@given(PARCELS, EVENTS)
def test_progress_survives_the_database(parcel: Parcel, events: list[Any]) -> None:
    progress = play(parcel, events)[-1].progress
    assert Progress.from_json(orjson.loads(orjson.dumps(progress, default=str))) == progress


@given(PARCELS, EVENTS)
def test_a_step_that_does_not_apply_is_neither_done_nor_undone(parcel: Parcel, events: list[Any]) -> None:
    turns = play(parcel, events)
    of_gifts = {"wrap", "unwrap", "card"} & {word for turn in turns for word in said(turn)}
    assert parcel.gift or not of_gifts
    assert parcel.gift or not {"wrap", "send a card"} & {entry.step for entry in turns[-1].progress.history}


def test_what_is_known_when_a_step_is_reached_decides_whether_it_applies() -> None:
    packed = engine.advance(PARCEL, engine.begin(PARCEL, Parcel(), START).state, Packed(), START)
    assert said(packed) == ["insure"]
    late = replace(packed.state, data=packed.data.but(gift=True))  # it became a gift behind the place of wrapping
    undone = engine.abort(PARCEL, late, Rejection(Verdict.FAILED, "aborted"), START)
    assert said(undone) == ["cancel insurance", "unpack", "not handed over"]
    decided = engine.advance(PARCEL, late, Insured(), START)
    assert said(decided) == ["handed over", "bill", "card", "handed over"]


def test_a_step_that_is_added_is_done_by_sagas_that_have_not_passed_its_place() -> None:
    """And is not undone by those that have: a saga keeps the names of its steps, not their places."""
    steps = tuple(step for step in PARCEL.steps if step.name != "pack")
    before = replace(PARCEL, steps=steps)
    begun = engine.begin(before, Parcel(), START)
    assert (begun.progress.step, said(begun)) == ("insure", ["insure"])
    assert said(engine.abort(PARCEL, begun.state, Rejection(Verdict.FAILED, "aborted"), START)) == [
        "cancel insurance",
        "not handed over",
    ]
    assert said(engine.advance(PARCEL, begun.state, Insured(), START)) == ["handed over", "bill", "handed over"]


def test_a_saga_whose_step_is_gone_says_which() -> None:
    begun = engine.begin(PARCEL, Parcel(), START)
    without = replace(PARCEL, steps=PARCEL.steps[1:])
    with pytest.raises(LookupError, match="saga parcel has no step 'pack'"):
        engine.advance(without, begun.state, Packed(), START)
