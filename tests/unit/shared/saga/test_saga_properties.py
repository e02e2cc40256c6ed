"""Any interleaving, repetition and loss of answers, time-outs and aborts gives a saga one verdict and one outcome."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import orjson
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
    Insured,
    Packed,
    Parcel,
    TooLarge,
    Tracked,
    Uninsured,
    Unpacked,
)

ANSWERS = (Packed, TooLarge, Unpacked, Insured, Uninsured, Billed, Tracked)
EVENTS = st.lists(st.one_of(st.sampled_from(ANSWERS), st.sampled_from(["time passes", "abort"])), max_size=40)
OUTCOMES = {"handed over", "not handed over"}


def play(events: list[Any]) -> list[Transition[Parcel]]:
    """Every turn of a saga that these events befall."""
    now = START
    turns = [engine.begin(PARCEL, Parcel(), now)]
    for event in events:
        last = Transition(turns[-1].data, turns[-1].progress)
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


@given(EVENTS)
def test_a_verdict_is_never_changed(events: list[Any]) -> None:
    verdicts = [turn.progress.verdict for turn in play(events)]
    decided = [verdict for verdict in verdicts if verdict is not Verdict.OPEN]
    assert verdicts == [Verdict.OPEN] * (len(verdicts) - len(decided)) + decided
    assert len(set(decided)) <= 1


@given(EVENTS)
def test_behind_the_pivot_nothing_is_undone_and_before_it_nothing_is_finished(events: list[Any]) -> None:
    for turn in play(events):
        words = set(said(turn))
        if turn.progress.verdict is Verdict.DONE:
            assert not words & {"unpack", "cancel insurance", "not handed over"}
        else:
            assert not words & {"bill", "handed over"}


@given(EVENTS)
def test_different_outcomes_are_never_told(events: list[Any]) -> None:
    assert len({word for turn in play(events) for word in said(turn) if word in OUTCOMES}) <= 1


@given(EVENTS)
def test_an_ended_saga_says_nothing_more_and_any_other_wakes_again(events: list[Any]) -> None:
    turns = play(events)
    for before, after in pairwise(turns):
        if before.progress.phase is Phase.ENDED:
            assert after.sends == ()
            assert after.progress is before.progress
    for turn in turns:
        assert (turn.progress.wake_at is None) is (turn.progress.phase is Phase.ENDED)


@given(EVENTS)
def test_every_answer_delivered_twice_changes_nothing(events: list[Any]) -> None:
    doubled = [event for event in events for _ in range(1 if event == "time passes" else 2)]
    once, twice = play(events)[-1], play(doubled)[-1]
    assert (once.data, once.progress) == (twice.data, twice.progress)


@given(EVENTS)
def test_progress_survives_the_database(events: list[Any]) -> None:
    progress = play(events)[-1].progress
    assert Progress.from_json(orjson.loads(orjson.dumps(progress, default=str))) == progress
