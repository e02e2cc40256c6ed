"""The saga engine: pure functions that take a table and a saga's state, and give its next state and what it sends.

A saga does its compensable steps one after the other. A refusal or a time-out before the pivot undoes those that were
begun. From the pivot on nothing is undone: the retriable steps are repeated until each succeeds. The terms are those of
Garcia-Molina and Salem ("Sagas", 1987), with the pivot of Richardson's transaction sagas.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic

from shared.messages.message import Message, Outgoing
from shared.saga.state import Data, Phase, Progress, SagaState, Verdict
from shared.saga.table import Kind, Rejection, SagaTable, Step

MAX_PAUSE = timedelta(minutes=10)
MOST_DOUBLINGS = 20  # of a pause: more would not fit a timedelta
ALARM_AFTER = 5  # attempts at a step that can only be repeated
_SETTLING = {Phase.UNDOING, Phase.FINISHING}


@dataclass(frozen=True, slots=True)
class Transition(Generic[Data]):
    """What a reply or a time-out makes of a saga: its next state, and the messages to send.

    A reply that changes nothing leaves the very same state. `alarm` names steps that keep failing.
    """

    state: SagaState[Data]
    sends: tuple[Message | Outgoing, ...] = ()
    alarm: tuple[str, ...] = ()

    @property
    def data(self) -> Data:
        """What the saga knows now."""
        return self.state.data

    @property
    def progress(self) -> Progress:
        """How far the saga is now."""
        return self.state.progress


def begin(table: SagaTable[Data], data: Data, now: datetime) -> Transition[Data]:
    """Start a saga with the first step that applies."""
    return _enter(table, Transition(SagaState(data)), table.following(None, data), now)


def reject(table: SagaTable[Data], data: Data, rejection: Rejection, now: datetime) -> Transition[Data]:
    """A saga that ends before its first step; there is nothing to undo."""
    progress = Progress().noted("request", rejection.reason, now, phase=Phase.ENDED, **_decision(rejection, now))
    return Transition(SagaState(data, progress), tuple(table.refuse(data, rejection, now)))


def advance(table: SagaTable[Data], state: SagaState[Data], reply: Message, now: datetime) -> Transition[Data]:
    """Take a reply. One that is not waited for, because it came late or twice, changes nothing."""
    if state.progress.phase is Phase.RUNNING:
        return _while_running(table, state, reply, now)
    if state.progress.phase in _SETTLING:
        return _while_settling(table, state, reply, now)
    return Transition(state)


def wake(table: SagaTable[Data], state: SagaState[Data], now: datetime) -> Transition[Data]:
    """Act on a time-out: before the pivot the current step has failed; otherwise what is pending is sent again."""
    progress = state.progress
    if progress.wake_at is None or now < progress.wake_at:
        return Transition(state)
    if progress.phase is Phase.RUNNING:
        text, details = f"{progress.step}: no answer in time", {"step": progress.step}
        return abort(table, state, Rejection(Verdict.FAILED, "timed_out", text, details), now)
    return _repeat(table, state, now)


def abort(table: SagaTable[Data], state: SagaState[Data], rejection: Rejection, now: datetime) -> Transition[Data]:
    """Stop a running saga and undo what it has begun; from its pivot on it can not be stopped, and nothing changes."""
    if state.progress.phase is not Phase.RUNNING:
        return Transition(state)
    return _give_up(table, state, rejection, state.progress.begun, now)


def _decision(rejection: Rejection, now: datetime) -> dict[str, Any]:
    return {
        "verdict": rejection.verdict,
        "reason": rejection.reason,
        "text": rejection.text,
        "details": dict(rejection.details),
        "decided_at": now,
    }


def _while_running(table: SagaTable[Data], state: SagaState[Data], reply: Message, now: datetime) -> Transition[Data]:
    step = table.step(state.progress.step)
    if step.done and isinstance(reply, step.done):
        done = _done(step, state, reply, now, attempt=1)
        if rejection := step.check(done.data):
            return _give_up(table, done.state, rejection, done.progress.begun, now)
        return _enter(table, done, table.following(step, done.data), now)
    if step.refused and isinstance(reply, step.refused):
        # What was refused did not happen: the current step is not undone.
        return _give_up(table, state, step.refusal(reply), state.progress.begun[:-1], now)
    if step.waiting and step.wait and isinstance(reply, step.waiting):
        wait = step.wait(state.data, reply, now)
        until = max(wait.until, state.progress.wake_at or wait.until)  # a reply that came late shortens no wait
        progress = state.progress.noted(step.name, "waiting", now, wake_at=until)
        return Transition(SagaState(wait.data, progress), tuple(wait.sends))
    return Transition(state)


def _done(step: Step[Data], state: SagaState[Data], reply: Message, now: datetime, **changes: Any) -> Transition[Data]:
    """The step is done: its reply is in the data, and it is reported."""
    data = step.on_reply(state.data, reply)
    progress = state.progress.noted(step.name, "done", now, **changes)
    return Transition(SagaState(data, progress), tuple(step.report(data, now)))


def _enter(table: SagaTable[Data], before: Transition[Data], step: Step[Data], now: datetime) -> Transition[Data]:
    sends = (*before.sends, *step.do(before.data, now))
    if step.kind is Kind.PIVOT:
        return _decide(table, Transition(before.state, sends), step, now)
    begun = (*before.progress.begun, step.name)
    progress = before.progress.but(begun=begun, attempt=1, wake_at=now + table.patience_with(step))
    return Transition(SagaState(before.data, progress), sends)


def _decide(table: SagaTable[Data], before: Transition[Data], pivot: Step[Data], now: datetime) -> Transition[Data]:
    """Take the decision and begin all remaining steps at once, because none can undo another.

    A step whose `do` is the pivot's own follows the outcome itself: it sends nothing now, and repeats it later.
    """
    data = before.data
    rest = [step for step in table.retriables if step.when(data)]
    progress = before.progress.noted(
        pivot.name,
        "decided",
        now,
        phase=Phase.FINISHING,
        verdict=Verdict.DONE,
        decided_at=now,
        pending=tuple(step.name for step in rest),
        attempt=1,
    )
    commands = [send for step in rest if step.do is not pivot.do for send in step.do(data, now)]
    return _settle(table, Transition(SagaState(data, progress), (*before.sends, *commands)), now)


def _give_up(
    table: SagaTable[Data], state: SagaState[Data], rejection: Rejection, begun: tuple[str, ...], now: datetime
) -> Transition[Data]:
    """Undo the steps that were begun, the last one first, and tell the bad outcome."""
    undo = [table.step(name) for name in reversed(begun)]
    progress = state.progress.noted(
        state.progress.step,
        rejection.reason,
        now,
        phase=Phase.UNDOING,
        **_decision(rejection, now),
        pending=tuple(step.name for step in undo),
        attempt=1,
    )
    sends = [send for step in undo if step.undo for send in step.undo(state.data, now)]
    outcome = table.refuse(state.data, rejection, now)
    return _settle(table, Transition(SagaState(state.data, progress), (*sends, *outcome)), now)


def _while_settling(table: SagaTable[Data], state: SagaState[Data], reply: Message, now: datetime) -> Transition[Data]:
    undoing = state.progress.phase is Phase.UNDOING
    for name in state.progress.pending:
        step = table.step(name)
        answer = step.undone if undoing else step.done
        if answer and isinstance(reply, answer):
            pending = tuple(other for other in state.progress.pending if other != name)
            if undoing:
                progress = state.progress.noted(name, "undone", now, pending=pending)
                return _settle(table, Transition(SagaState(state.data, progress)), now)
            return _settle(table, _done(step, state, reply, now, pending=pending), now)
    return Transition(state)


def _settle(table: SagaTable[Data], transition: Transition[Data], now: datetime) -> Transition[Data]:
    """End the saga when nothing is pending, else wait as long as the most patient pending step does."""
    progress = transition.progress
    if progress.pending:
        patience = max(table.patience_with(table.step(name)) for name in progress.pending)
        doublings = min(progress.attempt - 1, MOST_DOUBLINGS)
        progress = progress.but(wake_at=now + min(patience * 2**doublings, max(MAX_PAUSE, patience)))
    else:
        progress = progress.noted("saga", "ended", now, phase=Phase.ENDED, wake_at=None)
    return Transition(SagaState(transition.data, progress), transition.sends, transition.alarm)


def _repeat(table: SagaTable[Data], state: SagaState[Data], now: datetime) -> Transition[Data]:
    """Send again what is pending, with growing pauses; steps that keep failing raise an alarm."""
    before = state.progress
    steps = [table.step(name) for name in before.pending]
    builds = [step.undo if before.phase is Phase.UNDOING else step.do for step in steps]
    attempt = before.attempt + 1
    sends = _each_once([_again(send, attempt) for build in builds if build for send in build(state.data, now)])
    progress = before.noted(", ".join(before.pending), "again", now, attempt=attempt)
    if attempt > ALARM_AFTER:  # the history of a saga that waits for days stays short
        progress = progress.but(history=(*before.history[:-1], progress.history[-1]))
    alarm = before.pending if attempt >= ALARM_AFTER else ()
    return _settle(table, Transition(SagaState(state.data, progress), sends, alarm), now)


def _again(send: Message | Outgoing, attempt: int) -> Outgoing:
    """Marked as a repetition, so that receivers who know its id, but whose answer was lost, answer once more."""
    return replace(Outgoing.of(send), replay=f"again {attempt}")


def _each_once(sends: Iterable[Outgoing]) -> tuple[Outgoing, ...]:
    """Without doubles: steps may share a message of a fixed id, such as the outcome that two of them follow."""
    seen: dict[str, Outgoing] = {}
    for number, send in enumerate(sends):
        seen.setdefault(send.id or str(number), send)
    return tuple(seen.values())
