"""The words in which a saga is declared: a table of compensable steps in order, one pivot, then retriable ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from shared.messages.message import Message, Outgoing
from shared.saga.state import Verdict

Data = TypeVar("Data")
Sends = Iterable[Message | Outgoing]


class Kind(StrEnum):
    """What a step allows: to be undone, to decide, or to be repeated."""

    COMPENSABLE = "compensable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a saga did not get to its pivot."""

    verdict: Verdict
    reason: str
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait(Generic[Data]):
    """What a "not yet" means: the data with it, what to send, and how long to wait for the step's real reply."""

    data: Data
    sends: Sequence[Message | Outgoing]
    until: datetime


@dataclass(frozen=True, slots=True)
class Step(Generic[Data]):
    """One row of the table.

    `do` builds the step's messages; `done`, `refused`, `undone` are the types that answer it; `on_reply` folds an
    answer into the data; `refusal` reads a refusal's reason; `waits` reads a "not yet". `patience` is how long an
    answer is waited for.
    """

    name: str
    kind: Kind
    do: Callable[[Data, datetime], Sends]
    done: type[Message] | None = None
    on_reply: Callable[[Data, Any], Data] = lambda data, _: data
    refused: type[Message] | None = None
    refusal: Callable[[Any], Rejection] = lambda _: Rejection(Verdict.REFUSED, "refused")
    undo: Callable[[Data, datetime], Sends] | None = None
    undone: type[Message] | None = None
    waiting: type[Message] | None = None
    wait: Callable[[Data, Any, datetime], Wait[Data]] | None = None
    patience: timedelta = timedelta(seconds=30)


def compensable(name: str, **parts: Any) -> Step[Any]:
    """A step before the pivot; it names `do`, `done`, `undo`, `undone`, and `refused` with `refusal` if it can be."""
    return Step(name, Kind.COMPENSABLE, **parts)


def pivot(name: str, *, do: Callable[[Any, datetime], Sends]) -> Step[Any]:
    """The decision: what `do` sends is the good outcome. It waits for nothing."""
    return Step(name, Kind.PIVOT, do)


def retriable(name: str, **parts: Any) -> Step[Any]:
    """A step behind the pivot; it names `do` and `done` and is repeated until it is."""
    return Step(name, Kind.RETRIABLE, **parts)


@dataclass(frozen=True, slots=True)
class SagaTable(Generic[Data]):
    """A saga: its steps in order, what tells of a refusal or failure, and what tells of each finished step."""

    name: str
    steps: tuple[Step[Data], ...]
    refuse: Callable[[Data, Rejection, datetime], Sends]
    report: Callable[[Data, str, datetime], Sends] = lambda *_: ()
    complete: Callable[[Data, datetime], Sends] = lambda *_: ()

    def with_patience(self, patience: timedelta) -> SagaTable[Data]:
        """The same saga, each of whose steps waits so long for its answer."""
        return replace(self, steps=tuple(replace(step, patience=patience) for step in self.steps))

    def __post_init__(self) -> None:
        kinds = [step.kind for step in self.steps]
        order = [Kind.COMPENSABLE, Kind.PIVOT, Kind.RETRIABLE]
        if kinds != sorted(kinds, key=order.index) or kinds.count(Kind.PIVOT) != 1:
            raise TypeError(f"{self.name}: compensable steps come first, then one pivot, then retriable ones")
        for step in self.steps:
            if step.kind is Kind.COMPENSABLE and not (step.done and step.undo and step.undone):
                raise TypeError(f"{self.name}, {step.name}: a compensable step names done, undo and undone")
            if step.kind is Kind.RETRIABLE and not step.done:
                raise TypeError(f"{self.name}, {step.name}: a retriable step names done")

    def step(self, name: str) -> Step[Data]:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)

    @property
    def retriables(self) -> tuple[Step[Data], ...]:
        """The steps behind the pivot."""
        return tuple(step for step in self.steps if step.kind is Kind.RETRIABLE)
