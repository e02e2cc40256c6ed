"""How an invariant is declared: over one booking's snapshot, over rows of one database, or over what topics hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.finding import Finding
from posada.audit.topic_snapshot import TopicSnapshot

Row: TypeAlias = Mapping[str, Any]
STATUS: Final = "posada status {subject}"
REPAIR: Final = "posada audit --mend"
LEDGER: Final = "posada payments audit"


@dataclass(frozen=True, slots=True)
class AuditTime:
    """What judging takes beside the facts: the time, and how long (as a span) anything may be on its way."""

    now: datetime
    patience: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong, with a remedy of its own where the invariant's would not help."""

    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise, in words, and the command that goes on from a broken one ({subject} stands for the id).

    Of one that is `certain` no message on its way could put right what a second look still finds.
    """

    name: str
    promise: str
    remedy: str
    certain: bool = field(default=False, kw_only=True)

    def finding(self, subject: object, what: str | Wrong) -> Finding:
        """The finding that it is broken."""
        wrong = Wrong(what) if isinstance(what, str) else what
        return Finding(self.name, str(subject), wrong.what, (wrong.remedy or self.remedy).format(subject=subject))


@dataclass(frozen=True, slots=True)
class OfBooking(Invariant):
    """Judged from everything that the five databases hold of one booking; `judge` gives each wrong in words."""

    judge: Callable[[BookingSnapshot, AuditTime], Iterable[str | Wrong]]

    def check(self, snapshot: BookingSnapshot, when: AuditTime) -> Iterable[Finding]:
        """What is wrong with this booking."""
        return (self.finding(snapshot.id, what) for what in self.judge(snapshot, when))


@dataclass(frozen=True, slots=True)
class OfDatabase(Invariant):
    """Judged in one service's database: `query` finds suspects, `judge` gives a row's subject and what is wrong."""

    service: str
    query: str
    judge: Callable[[Row, AuditTime], tuple[object, str] | None]

    def check(self, row: Row, when: AuditTime) -> Iterable[Finding]:
        """What is wrong with this row, if anything."""
        wrong = self.judge(row, when)
        return [self.finding(*wrong)] if wrong else []


@dataclass(frozen=True, slots=True)
class OfTopics(Invariant):
    """Judged from what stands on the topics: `judge` gives each subject and what is wrong with it."""

    judge: Callable[[TopicSnapshot, AuditTime], Iterable[tuple[object, str]]]

    def check(self, topics: TopicSnapshot, when: AuditTime) -> Iterable[Finding]:
        """What is wrong on the topics."""
        return (self.finding(*wrong) for wrong in self.judge(topics, when))


ALL: Final[dict[str, Invariant]] = {}


def _known(invariant: Invariant) -> None:
    if invariant.name in ALL:
        raise TypeError(f"two invariants are named {invariant.name}")
    ALL[invariant.name] = invariant


BookingJudge: TypeAlias = Callable[[BookingSnapshot, AuditTime], Iterable[str | Wrong]]
RowJudge: TypeAlias = Callable[[Row, AuditTime], "tuple[object, str] | None"]
TopicJudge: TypeAlias = Callable[[TopicSnapshot, AuditTime], Iterable[tuple[object, str]]]


def of_booking(
    name: str, promise: str, remedy: str = STATUS, *, certain: bool = False
) -> Callable[[BookingJudge], BookingJudge]:
    """Declare an invariant over one booking."""

    def declare(judge: BookingJudge) -> BookingJudge:
        _known(OfBooking(name, promise, remedy, judge, certain=certain))
        return judge

    return declare


def of_database(
    name: str, promise: str, *, service: str, query: str, remedy: str = STATUS
) -> Callable[[RowJudge], RowJudge]:
    """Declare an invariant over rows of one database."""

    def declare(judge: RowJudge) -> RowJudge:
        _known(OfDatabase(name, promise, remedy, service, query, judge))
        return judge

    return declare


def of_topics(name: str, promise: str, remedy: str = STATUS) -> Callable[[TopicJudge], TopicJudge]:
    """Declare an invariant over what stands on the topics."""

    def declare(judge: TopicJudge) -> TopicJudge:
        _known(OfTopics(name, promise, remedy, judge))
        return judge

    return declare
