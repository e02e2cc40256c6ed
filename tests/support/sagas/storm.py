"""Fails every step of any saga table in turn, in every way, and checks what must hold whatever happened.

`cases` lists the ways for a table. `weather` plays one over the engine alone, with participants made up from the
table; `plan` says at which hops of a real run the same case strikes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.messages.message import Message, Outgoing
from shared.saga import engine as saga
from shared.saga.engine import Transition
from shared.saga.state import Phase, Verdict
from shared.saga.table import Kind, SagaTable, Step

SOON = timedelta(seconds=5)
MOST_EVENTS = 500
Send = Message | Outgoing


class How(StrEnum):
    """The ways in which a step, or its undoing, can fail."""

    REFUSED = "refused"
    COMMAND_LOST = "timed out, never done"
    REPLY_LOST = "timed out, though done"
    CRASHED_BEFORE = "crashed before commit"
    CRASHED_AFTER = "crashed after commit"
    TWICE = "reply delivered twice"
    LATE = "reply late"


CRASHES = (How.CRASHED_BEFORE, How.CRASHED_AFTER)
HICCUPS = (*CRASHES, How.TWICE)  # what must not keep a saga from its good end
OF_ANY_STEP = (How.COMMAND_LOST, How.REPLY_LOST, *HICCUPS, How.LATE)


@dataclass(frozen=True, slots=True)
class Case:
    """One step failing in one way; `undoing` when it is the undoing that fails."""

    step: str
    how: How
    undoing: bool = False

    def __str__(self) -> str:
        return f"{'undo ' if self.undoing else ''}{self.step}: {self.how}"


def applying(table: SagaTable[Any], data: Any) -> SagaTable[Any]:
    """The table without the steps that do not apply to these data."""
    steps = tuple(step for step in table.steps if step.kind is Kind.PIVOT or step.when(data))
    return replace(table, steps=steps)


def cases(table: SagaTable[Any], data: Any) -> list[Case]:
    """Every step that applies to these data, failing in every way that its kind knows."""
    return [case for step in applying(table, data).steps for case in _cases_of(step)]


def _cases_of(step: Step[Any]) -> Iterator[Case]:
    if step.kind is Kind.PIVOT:
        yield from (Case(step.name, how) for how in CRASHES)
        return
    if step.refused:
        yield Case(step.name, How.REFUSED)
    yield from (Case(step.name, how) for how in OF_ANY_STEP)
    if step.kind is Kind.COMPENSABLE:
        yield from (Case(step.name, how, undoing=True) for how in OF_ANY_STEP)


def good_end(table: SagaTable[Any], case: Case) -> bool:
    """Whether a saga must get to its pivot in spite of the case."""
    if case.undoing:
        return False
    return table.step(case.step).kind is not Kind.COMPENSABLE or case.how in HICCUPS


def last_compensable(table: SagaTable[Any]) -> Step[Any]:
    """The step whose failing has everything undone."""
    return [step for step in table.steps if step.kind is Kind.COMPENSABLE][-1]


def struck_step(table: SagaTable[Any], case: Case) -> Step[Any]:
    """The step at whose messages a case strikes: the pivot is decided by the answer to the step before it."""
    step = table.step(case.step)
    return last_compensable(table) if step.kind is Kind.PIVOT else step


@dataclass
class Participant:
    """Whoever does one step: does it once, undoes it for good, and answers every time it is asked."""

    step: Step[Any]
    refuses: bool = False
    done: int = 0
    undone: int = 0

    @property
    def stands(self) -> bool:
        """Whether its effect is there."""
        return bool(self.done) and not self.undone

    def do(self) -> type[Message] | None:
        """Do it, unless it was undone before; gives the answer's type."""
        if self.undone or self.refuses:
            return self.step.refused
        self.done = 1
        return self.step.done

    def undo(self) -> type[Message] | None:
        """Undo it, also where it never happened."""
        self.undone += 1
        return self.step.undone


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something on its way: a command to a participant, or an answer to the saga."""

    step: str
    undoing: bool
    answer: Message | None = None
    struck: bool = False


@dataclass
class Aftermath:
    """What a storm left behind."""

    table: SagaTable[Any]
    case: Case
    turn: Transition[Any]
    participants: Mapping[str, Participant]
    verdicts: Sequence[Verdict]
    outcomes: int
    struck: bool
    undone_behind_pivot: Sequence[str]

    def check(self) -> None:
        """What must hold of any saga, whatever happened.

        Raises:
            AssertionError: naming what does not.
        """
        progress = self.turn.progress
        assert self.struck, "the case never came about"
        assert progress.phase is Phase.ENDED, f"it never ended: {progress.phase}, waiting for {progress.pending}"
        assert len(set(self.verdicts)) == 1, f"more than one verdict: {self.verdicts}"
        assert self.outcomes == 1, f"{self.outcomes} outcomes were told"
        assert not self.undone_behind_pivot, f"undone behind the pivot: {self.undone_behind_pivot}"
        good = progress.verdict is Verdict.DONE
        assert good is good_end(self.table, self.case), f"the verdict is {progress.verdict}: {progress.reason}"
        standing = {name for name, one in self.participants.items() if one.stands}
        wanted = set(self.participants) if good else set()
        assert standing == wanted, f"left standing: {sorted(standing)}, wanted: {sorted(wanted)}"


@dataclass
class _Storm:
    """A network whose only traffic is one saga's, in which one case strikes. `expected` has the steps that apply."""

    table: SagaTable[Any]
    expected: SagaTable[Any]
    case: Case
    now: datetime
    answer: Callable[[type[Message]], Message]
    engine: Any
    addressed: dict[Any, list[tuple[str, bool]]] = field(default_factory=dict)
    kept: list[Send] = field(default_factory=list)
    parcels: deque[Parcel] = field(default_factory=deque)
    later: list[tuple[datetime, Parcel]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    outcomes: int = 0
    strikes: int = 0
    undone_behind_pivot: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listening = replace(self.table, steps=tuple(map(self._listened, self.table.steps)), refuse=self._refused)
        self.struck_step = struck_step(self.expected, self.case).name
        self.participants = {
            step.name: Participant(step, refuses=self.case.how is How.REFUSED and step.name == self.case.step)
            for step in self.expected.steps
            if step.kind is not Kind.PIVOT
        }

    def _listened(self, step: Step[Any]) -> Step[Any]:
        """The step, with a note of which of its messages are to do it and which are to undo it."""
        if step.kind is Kind.PIVOT:
            return replace(step, do=self._decided(step.do))
        undo = step.undo and self._noted(step.name, step.undo, undoing=True)
        return replace(step, do=self._noted(step.name, step.do, undoing=False), undo=undo)

    def _noted(self, name: str, build: Callable[..., Iterable[Send]], *, undoing: bool) -> Callable[..., list[Send]]:
        def building(data: Any, now: datetime) -> list[Send]:
            sends = list(build(data, now))
            self.kept += sends
            for known_as in (one for send in sends for one in _names(send)):
                self.addressed.setdefault(known_as, []).append((name, undoing))
            return sends

        return building

    def _decided(self, build: Callable[..., Iterable[Send]]) -> Callable[..., list[Send]]:
        def building(data: Any, now: datetime) -> list[Send]:
            self.outcomes += 1
            return list(build(data, now))

        return building

    def _refused(self, data: Any, rejection: saga.Rejection, now: datetime) -> Iterable[Send]:
        self.outcomes += 1
        return self.table.refuse(data, rejection, now)

    def strikes_now(self, parcel: Parcel, at_answer: bool) -> bool:
        """Whether the case concerns this parcel, for the first time."""
        here = (parcel.step, parcel.undoing) == (self.struck_step, self.case.undoing)
        return here and not parcel.struck and not self.strikes and (parcel.answer is not None) is at_answer

    def post(self, before: Transition[Any], turn: Transition[Any], delay: timedelta | None = None) -> None:
        """Send what a turn sends; after a crash the sweeper does, later."""
        names = [known_as for send in turn.sends for known_as in _names(send)]
        addressees = dict.fromkeys(to for known_as in names for to in self.addressed.get(known_as, ()))
        for step, undoing in addressees:
            assert step in self.participants, f"{step} does not apply, and was asked for something"
            if undoing and before.progress.verdict is Verdict.DONE:
                self.undone_behind_pivot.append(step)
            parcel = Parcel(step, undoing)
            if delay is None:
                self.parcels.append(parcel)
            else:
                self.later.append((self.now + delay, parcel))
        if turn.progress.verdict is not Verdict.OPEN:
            self.verdicts.append(turn.progress.verdict)


def _names(send: Send) -> list[Any]:
    """What a message is known by: itself, however it is wrapped, and an id that other steps may share."""
    return [id(send.message), send.id] if isinstance(send, Outgoing) else [id(send)]


def weather(
    table: SagaTable[Any],
    data: Any,
    case: Case,
    now: datetime,
    answer: Callable[[type[Message]], Message] = lambda kind: kind.model_construct(),
    *,
    engine: Any = saga,
) -> Aftermath:
    """Play one case over the engine alone; `answer` makes a participant's message of a type, where its fields count."""
    storm = _Storm(table, applying(table, data), case, now, answer, engine)
    turn = engine.begin(storm.listening, data, now)
    storm.post(turn, turn)
    for _ in range(MOST_EVENTS):
        if storm.parcels:
            turn = _carry(storm, turn, storm.parcels.popleft())
        elif _pass_time(storm, turn):
            woken = engine.wake(storm.listening, turn.state, storm.now)
            storm.post(turn, woken)
            turn = woken
        else:
            break
    return Aftermath(
        table,
        case,
        turn,
        storm.participants,
        storm.verdicts,
        storm.outcomes,
        storm.strikes > 0,
        storm.undone_behind_pivot,
    )


def _pass_time(storm: _Storm, turn: Transition[Any]) -> bool:
    """Go to whatever comes next; false when nothing does."""
    moments = [at for at, _ in storm.later]
    if turn.progress.wake_at is not None:
        moments.append(turn.progress.wake_at)
    if not moments:
        return False
    storm.now = max(storm.now, min(moments))
    storm.parcels += [parcel for at, parcel in storm.later if at <= storm.now]
    storm.later = [(at, parcel) for at, parcel in storm.later if at > storm.now]
    return True


def _carry(storm: _Storm, turn: Transition[Any], parcel: Parcel) -> Transition[Any]:
    if parcel.answer is None:
        _to_participant(storm, parcel)
        return turn
    return _to_saga(storm, turn, parcel)


def _to_participant(storm: _Storm, parcel: Parcel) -> None:
    participant = storm.participants[parcel.step]
    strikes = storm.strikes_now(parcel, at_answer=False)
    how = storm.case.how
    if strikes and how is How.COMMAND_LOST:
        storm.strikes += 1
        return
    kind = participant.undo() if parcel.undoing else participant.do()
    if strikes and how is How.REFUSED:
        storm.strikes += 1
    if kind is not None:
        storm.parcels.append(replace(parcel, answer=storm.answer(kind)))


def _to_saga(storm: _Storm, turn: Transition[Any], parcel: Parcel) -> Transition[Any]:
    how = storm.case.how
    if _is_trigger(storm, parcel):
        return turn  # everything has to be undone: the last step before the pivot never gets its answer
    if storm.strikes_now(parcel, at_answer=True) and how in OF_ANY_STEP and how is not How.COMMAND_LOST:
        storm.strikes += 1
        return _struck(storm, turn, parcel, how)
    return _advanced(storm, turn, parcel)


def _is_trigger(storm: _Storm, parcel: Parcel) -> bool:
    return storm.case.undoing and not parcel.undoing and parcel.step == last_compensable(storm.expected).name


def _struck(storm: _Storm, turn: Transition[Any], parcel: Parcel, how: How) -> Transition[Any]:
    if how is How.REPLY_LOST:
        return turn
    if how is How.LATE:
        wake_at = turn.progress.wake_at or storm.now
        storm.later.append((wake_at + SOON, replace(parcel, struck=True)))
        return turn
    if how is How.CRASHED_BEFORE:  # what it made of the answer is rolled back, and the answer comes again
        storm.engine.advance(storm.table, turn.state, parcel.answer, storm.now)
    if how is How.TWICE:
        storm.parcels.appendleft(replace(parcel, struck=True))
    return _advanced(storm, turn, parcel, SOON if how is How.CRASHED_AFTER else None)


def _advanced(storm: _Storm, turn: Transition[Any], parcel: Parcel, delay: timedelta | None = None) -> Transition[Any]:
    after: Transition[Any] = storm.engine.advance(storm.listening, turn.state, parcel.answer, storm.now)
    storm.post(turn, after, delay)
    return after
