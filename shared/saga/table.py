"""How a saga is declared: a table of compensable steps in their order, one pivot, then retriable steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic

from shared.messages.message import Message, Outgoing
from shared.saga.state import Data, Verdict

Sends = Iterable[Message | Outgoing]
Build = Callable[[Data, datetime], Sends]


class Kind(StrEnum):
    """What a step is: one that can be undone, the decision, or one that is repeated until it succeeds."""

    COMPENSABLE = "compensable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a saga did not reach its pivot."""

    verdict: Verdict
    reason: str
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait(Generic[Data]):
    """What a reply of "not yet" leads to: new data, messages to send, and until when to wait for the real reply."""

    data: Data
    sends: Sequence[Message | Outgoing]
    until: datetime


@dataclass(frozen=True, slots=True)
class Step(Generic[Data]):
    """One row of the table.

    `do` builds the step's messages and `undo` those that take it back. `done`, `refused`, `waiting` and `undone` are
    the types of reply that the step can get; `on_reply` folds the data of `done` in, `refusal` reads why it was
    refused, `wait` what "not yet" means. `check` says why the saga cannot go on with what the reply said. `report`
    builds the events of a step that is done. `when` says whether the step applies; it is asked with the data at hand
    when the saga gets there, and a step that does not apply is skipped. `patience` is how long a reply is waited for,
    None: as long as the table says.
    """

    name: str
    kind: Kind
    do: Build[Data]
    done: type[Message] | None = None
    on_reply: Callable[[Data, Any], Data] = lambda data, _: data
    refused: type[Message] | None = None
    refusal: Callable[[Any], Rejection] = lambda _: Rejection(Verdict.REFUSED, "refused")
    check: Callable[[Data], Rejection | None] = lambda _: None
    waiting: type[Message] | None = None
    wait: Callable[[Data, Any, datetime], Wait[Data]] | None = None
    undo: Build[Data] | None = None
    undone: type[Message] | None = None
    report: Build[Data] = lambda *_: ()
    when: Callable[[Data], bool] = lambda _: True
    patience: timedelta | None = None

    @property
    def replies(self) -> frozenset[type[Message]]:
        """Every type of reply that the step can get."""
        return frozenset(kind for kind in (self.done, self.refused, self.waiting, self.undone) if kind)


def compensable(name: str, **parts: Any) -> Step[Any]:
    """A step before the pivot: has `do`, `done`, `undo` and `undone`, and `refused` with `refusal` if it can be."""
    return Step(name, Kind.COMPENSABLE, **parts)


def pivot(name: str, *, do: Build[Any]) -> Step[Any]:
    """The decision: `do` builds the good outcome. It waits for no reply."""
    return Step(name, Kind.PIVOT, do)


def retriable(name: str, **parts: Any) -> Step[Any]:
    """A step after the pivot: has `do` and `done`, and is repeated until `done` comes."""
    return Step(name, Kind.RETRIABLE, **parts)


@dataclass(frozen=True, slots=True)
class SagaTable(Generic[Data]):
    """A saga: the name that is stored with it, the class of its data, its steps, and what tells of its end.

    `refuse` builds the bad outcome. `patience` is how long a step that names none of its own waits for its reply.

    Raises:
        TypeError: for steps out of order or without their parts.
    """

    name: str
    data: type[Data]
    steps: tuple[Step[Data], ...]
    refuse: Callable[[Data, Rejection, datetime], Sends]
    patience: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        kinds = [step.kind for step in self.steps]
        order = list(Kind)
        if kinds != sorted(kinds, key=order.index) or kinds.count(Kind.PIVOT) != 1:
            raise TypeError(f"{self.name}: compensable steps come first, then one pivot, then retriable ones")
        if len({step.name for step in self.steps}) < len(self.steps):
            raise TypeError(f"{self.name}: two steps have the same name")
        for step in self.steps:
            if step.kind is Kind.COMPENSABLE and not (step.done and step.undo and step.undone):
                raise TypeError(f"{self.name}, {step.name}: a compensable step has done, undo and undone")
            if step.kind is Kind.RETRIABLE and not step.done:
                raise TypeError(f"{self.name}, {step.name}: a retriable step has done")

    def with_patience(self, patience: timedelta) -> SagaTable[Data]:
        """The same saga, whose steps wait so long for a reply unless they name a patience of their own."""
        return replace(self, patience=patience)

    def patience_with(self, step: Step[Data]) -> timedelta:
        """How long a reply to the step is waited for."""
        return step.patience or self.patience

    def step(self, name: str) -> Step[Data]:
        """The step of that name.

        Raises:
            LookupError: when the table has none: a running saga needs the steps that it has begun.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise LookupError(f"saga {self.name} has no step {name!r}: a changed saga needs a new name beside the old one")

    def following(self, step: Step[Data] | None, data: Data) -> Step[Data]:
        """The next step that applies, up to the pivot; the first one after None."""
        start = self.steps.index(step) + 1 if step else 0
        return next(one for one in self.steps[start:] if one.kind is Kind.PIVOT or one.when(data))

    @property
    def retriables(self) -> tuple[Step[Data], ...]:
        """The steps after the pivot."""
        return tuple(step for step in self.steps if step.kind is Kind.RETRIABLE)

    @property
    def replies(self) -> frozenset[type[Message]]:
        """Every type of reply that one of its steps can get."""
        return frozenset[type[Message]]().union(*(step.replies for step in self.steps))


def registry(*tables: SagaTable[Any]) -> dict[str, SagaTable[Any]]:
    """Sagas by the name that is stored with each.

    Raises:
        TypeError: when two have the same name.
    """
    by_name = {table.name: table for table in tables}
    if len(by_name) < len(tables):
        raise TypeError(f"two sagas have the same name: {', '.join(table.name for table in tables)}")
    return by_name
