"""The saga engine, a pure function: (table, saga, reply or the passing of time) gives (saga, messages).

Before the pivot a refusal or a time-out undoes what was done; from the pivot on nothing is undone, only repeated until
it succeeds. The terms are those of Garcia-Molina and Salem ("Sagas", 1987) with the pivot of Richardson's transaction
sagas.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic

from shared.messages.message import Message, Outgoing
from shared.saga.state import Phase, Progress, Verdict
from shared.saga.table import Data, Kind, Rejection, SagaTable, Step

MAX_PAUSE = timedelta(minutes=10)
MOST_DOUBLINGS = 20  # of a pause: for ever is longer than a timedelta can be
ALARM_AFTER = 5  # attempts at a step that may only be repeated


@dataclass(frozen=True, slots=True)
class Transition(Generic[Data]):
    """What one message or time-out made of a saga, and what it sends. `alarm` names steps that keep failing."""

    data: Data
    progress: Progress
    sends: tuple[Message | Outgoing, ...] = ()
    alarm: tuple[str, ...] = ()


def begin(table: SagaTable[Data], data: Data, now: datetime) -> Transition[Data]:
    """Start a saga with its first step."""
    return _enter(table, Transition(data, Progress()), 0, now)


def refuse_at_once(table: SagaTable[Data], data: Data, no: Rejection, now: datetime) -> Transition[Data]:
    """A saga that ends before its first step: nothing to undo."""
    progress = Progress().marked("request", no.reason, now, phase=Phase.ENDED, **_decided(no, now))
    return Transition(data, progress, tuple(table.refuse(data, no, now)))


def advance(table: SagaTable[Data], turn: Transition[Data], reply: Message, now: datetime) -> Transition[Data]:
    """Fold a reply into a saga. One that answers nothing that is waited for changes nothing: it came late, or twice."""
    progress = turn.progress
    if progress.phase is Phase.RUNNING:
        return _while_running(table, turn, reply, now)
    if progress.phase in {Phase.UNDOING, Phase.FINISHING}:
        return _while_settling(table, turn, reply, now)
    return Transition(turn.data, progress)


def wake(table: SagaTable[Data], turn: Transition[Data], now: datetime) -> Transition[Data]:
    """Act on the passing of time: a step before the pivot has failed, any other is done again."""
    progress = turn.progress
    if progress.wake_at is None or now < progress.wake_at:
        return Transition(turn.data, progress)
    if progress.phase is Phase.RUNNING:
        step = table.steps[progress.at_step]
        no = Rejection(Verdict.FAILED, "timed_out", f"{step.name}: no answer in time", {"step": step.name})
        return _give_up(table, turn, no, now, including_current=True)
    return _repeat(table, turn, now)


def abort(table: SagaTable[Data], turn: Transition[Data], no: Rejection, now: datetime) -> Transition[Data]:
    """Stop a saga from outside; behind its pivot it can no longer be stopped, and nothing changes."""
    if turn.progress.phase is not Phase.RUNNING:
        return Transition(turn.data, turn.progress)
    return _give_up(table, turn, no, now, including_current=True)


def _decided(no: Rejection, now: datetime) -> dict[str, Any]:
    return {
        "verdict": no.verdict,
        "reason": no.reason,
        "text": no.text,
        "details": dict(no.details),
        "decided_at": now,
    }


def _while_running(table: SagaTable[Data], turn: Transition[Data], reply: Message, now: datetime) -> Transition[Data]:
    at = turn.progress.at_step
    step = table.steps[at]
    if step.done and isinstance(reply, step.done):
        return _enter(table, _finished(table, turn, step, reply, now), at + 1, now)
    if step.refused and isinstance(reply, step.refused):
        return _give_up(table, turn, step.refusal(reply), now, including_current=False)
    if step.waiting and step.wait and isinstance(reply, step.waiting):
        waits = step.wait(turn.data, reply, now)
        progress = turn.progress.marked(step.name, "waiting", now, wake_at=waits.until)
        return Transition(waits.data, progress, tuple(waits.sends))
    return Transition(turn.data, turn.progress)


def _finished(
    table: SagaTable[Data], turn: Transition[Data], step: Step[Data], reply: Message, now: datetime
) -> Transition[Data]:
    data = step.on_reply(turn.data, reply)
    progress = turn.progress.marked(step.name, "done", now, attempt=1)
    return Transition(data, progress, (*turn.sends, *table.report(data, step.name, now)))


def _enter(table: SagaTable[Data], turn: Transition[Data], at: int, now: datetime) -> Transition[Data]:
    step = table.steps[at]
    sends = (*turn.sends, *step.do(turn.data, now))
    if step.kind is Kind.PIVOT:
        return _finish(table, replace(turn, sends=sends), step, now)
    progress = replace(turn.progress, at_step=at, attempt=1, wake_at=now + step.patience)
    return Transition(turn.data, progress, sends)


def _finish(table: SagaTable[Data], turn: Transition[Data], step: Step[Data], now: datetime) -> Transition[Data]:
    """From the pivot on: all remaining steps at once, for none can undo another.

    A step that follows the outcome itself (its `do` is the pivot's) has been told with it, and only repeats it later.
    """
    rest = table.retriables
    pending = tuple(other.name for other in rest)
    progress = turn.progress.marked(
        step.name,
        "decided",
        now,
        phase=Phase.FINISHING,
        verdict=Verdict.DONE,
        decided_at=now,
        pending=pending,
        attempt=1,
    )
    commands = (send for other in rest if other.do is not step.do for send in other.do(turn.data, now))
    return _rest(table, Transition(turn.data, progress, (*turn.sends, *commands)), now)


def _give_up(
    table: SagaTable[Data], turn: Transition[Data], no: Rejection, now: datetime, *, including_current: bool
) -> Transition[Data]:
    last = turn.progress.at_step + (1 if including_current else 0)
    undo = [step for step in reversed(table.steps[:last]) if step.undo]
    current = table.steps[turn.progress.at_step].name
    progress = turn.progress.marked(
        current,
        no.reason,
        now,
        phase=Phase.UNDOING,
        **_decided(no, now),
        pending=tuple(step.name for step in undo),
        attempt=1,
    )
    sends = [send for step in undo if step.undo for send in step.undo(turn.data, now)]
    return _rest(table, Transition(turn.data, progress, (*sends, *table.refuse(turn.data, no, now))), now)


def _while_settling(table: SagaTable[Data], turn: Transition[Data], reply: Message, now: datetime) -> Transition[Data]:
    undoing = turn.progress.phase is Phase.UNDOING
    for name in turn.progress.pending:
        step = table.step(name)
        answer = step.undone if undoing else step.done
        if answer and isinstance(reply, answer):
            settled = _settled(table, turn, step, reply, now, undoing=undoing)
            return _rest(table, settled, now)
    return Transition(turn.data, turn.progress)


def _settled(
    table: SagaTable[Data], turn: Transition[Data], step: Step[Data], reply: Message, now: datetime, *, undoing: bool
) -> Transition[Data]:
    data = turn.data if undoing else step.on_reply(turn.data, reply)
    pending = tuple(name for name in turn.progress.pending if name != step.name)
    progress = turn.progress.marked(step.name, "undone" if undoing else "done", now, pending=pending)
    return Transition(data, progress, () if undoing else tuple(table.report(data, step.name, now)))


def _rest(table: SagaTable[Data], turn: Transition[Data], now: datetime) -> Transition[Data]:
    """End when nothing is pending, else wait as long as the most patient pending step does."""
    progress = turn.progress
    if progress.pending:
        patience = max(table.step(name).patience for name in progress.pending)
        doublings = min(progress.attempt - 1, MOST_DOUBLINGS)
        pause = min(patience * 2**doublings, max(MAX_PAUSE, patience))
        return replace(turn, progress=replace(progress, wake_at=now + pause))
    ended = progress.marked("saga", "ended", now, phase=Phase.ENDED, wake_at=None)
    complete = table.complete(turn.data, now) if progress.verdict is Verdict.DONE else ()
    return replace(turn, progress=ended, sends=(*turn.sends, *complete))


def _repeat(table: SagaTable[Data], turn: Transition[Data], now: datetime) -> Transition[Data]:
    steps = [table.step(name) for name in turn.progress.pending]
    undoing = turn.progress.phase is Phase.UNDOING
    builds = [step.undo if undoing else step.do for step in steps]
    attempt = turn.progress.attempt + 1
    sends = _each_once([_again(send, attempt) for build in builds if build for send in build(turn.data, now)])
    progress = turn.progress.marked(", ".join(turn.progress.pending), "again", now, attempt=attempt)
    if attempt > ALARM_AFTER:  # the course of a saga that waits for days stays readable
        progress = replace(progress, course=(*turn.progress.course[:-1], progress.course[-1]))
    alarm = turn.progress.pending if attempt >= ALARM_AFTER else ()
    return _rest(table, Transition(turn.data, progress, sends, alarm), now)


def _again(send: Message | Outgoing, attempt: int) -> Outgoing:
    """Whoever knows the message by its fixed id, and whose answer was lost, must answer once more."""
    return replace(Outgoing.of(send), replay=f"again {attempt}")


def _each_once(sends: Iterable[Message | Outgoing]) -> tuple[Message | Outgoing, ...]:
    """Steps may share a message of a fixed id, such as the outcome that two followers wait for: it goes out once."""
    seen: dict[str, Message | Outgoing] = {}
    for number, send in enumerate(sends):
        seen.setdefault((isinstance(send, Outgoing) and send.id) or str(number), send)
    return tuple(seen.values())
