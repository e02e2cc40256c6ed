"""The auditor: one look, and a second one at what seemed wrong, for what is in flight is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import posada.audit.rules  # noqa: F401  # declares every invariant
from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.database_snapshots import Snapshots, snapshots
from posada.audit.finding import Finding
from posada.audit.invariant import ALL, AuditTime, Invariant, OfBooking, OfDatabase, OfTopics
from posada.audit.topic_snapshot import TopicSnapshot
from shared.clock import Clock

PATIENCE_S: Final = 900.0
GRACE_S: Final = 10.0
SETTLE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, and which bookings have a message on its way.

    `unread` messages wait for a service; `everybody`: too many to tell whom they are about.
    """

    findings: tuple[Finding, ...]
    bookings: int
    in_flight: frozenset[str] = frozenset()
    unread: int = 0
    everybody: bool = False

    def comes_nearer(self, before: Look) -> bool:
        """Whether there is too much unread to tell anything, and less than there was."""
        return self.everybody and self.unread < before.unread

    def excuses(self, finding: Finding) -> bool:
        """Whether what seems wrong may yet come right by itself."""
        if ALL[finding.invariant].certain:
            return False
        return self.everybody or finding.subject in self.in_flight


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found. `passed_over` seemed wrong at first and was only on its way.

    Of `undecided` findings nobody can tell that: too much is unread, and it does not become less.
    """

    findings: tuple[Finding, ...]
    bookings: int
    looks: int
    passed_over: int
    undecided: int = 0
    invariants: tuple[Invariant, ...] = field(default_factory=lambda: tuple(ALL.values()))

    def as_json(self) -> dict[str, Any]:
        """For a program: each invariant with its findings."""
        by_name: dict[str, list[dict[str, Any]]] = {one.name: [] for one in self.invariants}
        for finding in self.findings:
            by_name[finding.invariant].append(finding.as_json())
        return {
            "clean": not self.findings,
            "bookings": self.bookings,
            "looks": self.looks,
            "passed_over": self.passed_over,
            "undecided": self.undecided,
            "invariants": [
                {"name": one.name, "promise": one.promise, "findings": by_name[one.name]} for one in self.invariants
            ],
        }


class Topics(Protocol):
    """What can be asked what stands on the topics."""

    async def look(self) -> TopicSnapshot:
        """Everything that stands there now."""
        ...


class Auditor:
    """Audits five databases (`urls` by service) and, where `topics` reads them, the topics."""

    def __init__(
        self,
        urls: Mapping[str, str],
        topics: Topics | None = None,
        *,
        patience: timedelta = timedelta(seconds=PATIENCE_S),
        clock: Clock | None = None,
    ) -> None:
        """Without a clock it is now when booking's database says so."""
        self._urls = urls
        self._topics = topics
        self._patience = patience
        self._clock = clock

    async def audit(self, *, grace_s: float = GRACE_S, settle_s: float = SETTLE_S) -> Report:
        """Look; and where something seems wrong, look again every `grace_s` seconds for as long as it may be in flight.

        What is gone at the next look, or has changed, was in flight. What stands unchanged is wrong, unless a message
        about it is on its way: that is waited for, `settle_s` seconds at the most, and then it counts. Where too much
        is unread to tell whom it is about, it is waited for as long as it becomes less.
        """
        look = before = await self.look()
        first = suspects = set(look.findings)
        wrong: set[Finding] = set()
        looks = 1
        while suspects and (looks == 1 or grace_s * looks <= settle_s or look.comes_nearer(before)):
            await asyncio.sleep(grace_s)
            before, look, looks = look, await self.look(), looks + 1
            suspects = suspects & set(look.findings)
            wrong |= {finding for finding in suspects if not look.excuses(finding)}
            suspects -= wrong
        left = wrong | suspects
        undecided = len(suspects) if look.everybody else 0
        return Report(tuple(sorted(left, key=_order)), look.bookings, looks, len(first - left), undecided)

    async def look(self) -> Look:
        """One look: every finding, whether or not it is in flight."""
        async with AsyncExitStack() as stack:
            databases = await stack.enter_async_context(snapshots(self._urls, self._clock))
            when = AuditTime(databases.now, self._patience)
            topics = await self._topics.look() if self._topics else None
            findings = [
                *[finding async for finding in _of_databases(databases, when)],
                *[finding async for finding in _of_bookings(databases, topics, when)],
                *_of_topics(topics, when),
            ]
            moving = await databases.on_their_way() | (topics.in_flight if topics else frozenset())
            return Look(
                tuple(findings),
                databases.bookings,
                frozenset(map(str, moving)),
                unread=topics.unread if topics else 0,
                everybody=topics is not None and topics.much_unread,
            )


async def _of_databases(databases: Snapshots, when: AuditTime) -> AsyncIterator[Finding]:
    for invariant in ALL.values():
        if isinstance(invariant, OfDatabase):
            async for row in databases.rows(invariant):
                for finding in invariant.check(row, when):
                    yield finding


async def _of_bookings(databases: Snapshots, topics: TopicSnapshot | None, when: AuditTime) -> AsyncIterator[Finding]:
    judges = [invariant for invariant in ALL.values() if isinstance(invariant, OfBooking)]
    unknown_ids = set(topics.announced) if topics else set()
    async for several in _with_unknown(unknown_ids, databases):
        for snapshot in several:
            snapshot.announced = _announced(snapshot, topics)
            for invariant in judges:
                for finding in invariant.check(snapshot, when):
                    yield finding


async def _with_unknown(unknown_ids: set[UUID], databases: Snapshots) -> AsyncIterator[list[BookingSnapshot]]:
    """All booking_snapshots, and in the end those of bookings that only the topic knows."""
    async for several in databases.booking_snapshots():
        unknown_ids -= {snapshot.id for snapshot in several}
        yield several
    yield [BookingSnapshot(unknown_id) for unknown_id in sorted(unknown_ids)]


def _announced(snapshot: BookingSnapshot, topics: TopicSnapshot | None) -> tuple[str, ...] | None:
    """What the topic tells of a booking; None where it may have forgotten."""
    if topics is None:
        return None
    kinds = tuple(topics.announced.get(snapshot.id, ()))
    decided_at = snapshot.decided_at
    forgotten = topics.whole_since and decided_at and decided_at < topics.whole_since
    return None if forgotten and not kinds else kinds


def _of_topics(topics: TopicSnapshot | None, when: AuditTime) -> Iterable[Finding]:
    judges = [invariant for invariant in ALL.values() if isinstance(invariant, OfTopics)]
    return [finding for judge in judges for finding in judge.check(topics, when)] if topics else []


def _order(finding: Finding) -> tuple[int, str, str]:
    return list(ALL).index(finding.invariant), finding.subject, finding.what
