"""The only queries of notifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from services.notifications import repository_sql as sql
from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.log import DeliveryLog
from services.notifications.delivery.metrics import DELIVERIES
from services.notifications.delivery.model import (
    Audience,
    Channel,
    Claimed,
    Delivery,
    Event,
    Form,
    Outcome,
    Sibling,
    Status,
    next_in_line,
    nobody_told,
)
from services.notifications.events.reminders import REMINDERS
from services.notifications.events.superseding import supersedes
from services.notifications.providers.report import ReportStatus
from services.notifications.reports.model import after_report
from services.notifications.unit_of_work import UnitOfWork
from shared.commit_hooks import on_commit
from shared.contracts.booking import Outcome as BookingEvent
from shared.contracts.notifications import ReminderDue
from shared.database.pool import Connection
from shared.database.statements import execute_together
from shared.jobs.wake import WakeSignal
from shared.messages.message import Message

LAPSES = 200  # at most in one transaction
REPORTS = 500
CLOSED = (Status.FAILED, Status.WITHDRAWN, Status.STORED)  # what no report changes any more

Occasion = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Lost:
    """An occasion that its audience heard of by no channel."""

    booking_id: UUID
    occasion: str
    audience: Audience
    channels: tuple[str, ...]
    property_id: str = ""


class Repository(DeliveryLog):
    """The deliveries: written by the batch shell, claimed and recorded by the sender."""

    def __init__(self, composer: NotificationComposer, wake: WakeSignal | None = None) -> None:
        self._composer = composer
        self._wake = wake or WakeSignal()

    async def load(self, connection: Connection, messages: Sequence[Message], now: datetime) -> UnitOfWork:
        """The agenda of the bookings that something happened to, and of what their guests were told before."""
        del now
        uow = UnitOfWork(self._composer)
        if ids := sorted({one.booking_id for one in messages if isinstance(one, BookingEvent | ReminderDue)}):
            uow.entries = {row["booking_id"]: sql.AGENDA.read(row) for row in await connection.fetch(sql.ENTRIES, ids)}
            for row in await connection.fetch(sql.TOLD, ids):
                uow.occasions.setdefault(row["booking_id"], set()).add(row["occasion"])
        return uow

    async def save(self, connection: Connection, uow: UnitOfWork, now: datetime) -> None:
        """Write what is new, in one sorted order so that rivals wait for each other and never deadlock."""
        if uow.unplanned:
            await connection.execute(sql.TAKE_BACK, list(uow.unplanned), [one.value for one in REMINDERS], now)
        if uow.withdrawn:
            await connection.execute(sql.WITHDRAW, *_split(set(uow.withdrawn)), now)
        if uow.changed:
            entries = [uow.entries[booking_id] for booking_id in sorted(uow.changed)]
            await execute_together(connection, [sql.AGENDA.insert(entries)])
        if uow.last_contact:
            heard = [
                {"channel": channel, "address": address, "heard_at": at}
                for (channel, address), at in uow.last_contact.items()
            ]
            await connection.execute(sql.HEAR, heard)
        if uow.new:
            new = sorted(uow.new, key=lambda one: (one.booking_id, one.occasion, one.recipient, one.channel))
            add = sql.add(new, partial(self._not_before, now), now)
            written = await connection.fetch(add.sql, *add.parameters)
            _count_stored([row["channel"] for row in written if row["status"] == Status.STORED])
            on_commit(self._wake.set)

    async def claim(
        self, connection: Connection, slots: Mapping[Channel, int], now: datetime, lease: timedelta
    ) -> list[Claimed]:
        """Take due deliveries, at most so many of each channel; they come back to everybody when the lease ends."""
        rows = await connection.fetch(sql.CLAIM, list(slots), list(slots.values()), now, lease)
        return [sql.claimed(row) for row in rows]

    async def renew(self, connection: Connection, claimed: Sequence[Claimed], until: datetime) -> None:
        """Keep deliveries that are under way until then, unless they have been recorded meanwhile."""
        await connection.execute(sql.RENEW, [one.number for one in claimed], [one.attempt for one in claimed], until)

    async def record(self, connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> list[Lost]:
        """Write outcomes, wake the next channel of each that failed, and return what now has no channel left.

        A failure that was overtaken by another instance's attempt changes nothing; a message that went out did.
        Failures need a transaction, without any it is one statement.
        """
        if not outcomes:
            return []
        failing = {_occasion(one) for one in outcomes if one.status is Status.FAILED}
        if failing:
            numbers = sorted(one.claimed.number for one in outcomes)
            await connection.execute(sql.LOCK, numbers, *_split(failing))
        rows = await connection.fetch(sql.RECORD, [sql.outcome_row(one) for one in outcomes], now)
        failed = {(row["booking_id"], row["occasion"]) for row in rows if row["status"] == Status.FAILED}
        return await self._pass_on(connection, failed, now)

    async def lapse(
        self, connection: Connection, channels: Iterable[Channel], before: datetime, now: datetime
    ) -> list[Lost]:
        """Give up what has waited for an absent provider since before a moment, and wake the next channels."""
        names = [channel.value for channel in channels]
        waiting = await connection.fetch(sql.WAITING_TOO_LONG, names, before, now, LAPSES)
        if not waiting:
            return []
        numbers = [row["number"] for row in waiting]
        await connection.execute(sql.LOCK, numbers, *_split({(row["booking_id"], row["occasion"]) for row in waiting}))
        rows = await connection.fetch(sql.LAPSE, numbers, now)
        for row in rows:
            DELIVERIES.labels(row["channel"], Status.FAILED).inc()
        return await self._pass_on(connection, {(row["booking_id"], row["occasion"]) for row in rows}, now)

    async def apply_reports(self, connection: Connection, now: datetime) -> list[Lost]:
        """Let what providers said take effect, also what came before we had written down that the message was sent."""
        rows = await connection.fetch(sql.UNAPPLIED, REPORTS)
        if not rows:
            return []
        occasions = {(row["booking_id"], row["occasion"]) for row in rows}
        await connection.execute(sql.LOCK, [row["number"] for row in rows], *_split(occasions))
        known = await connection.fetch(sql.STATUSES, [row["number"] for row in rows])
        states = {row["number"]: (Status(row["status"]), Form(row["form"]), row["has_template"]) for row in known}
        failed: set[Occasion] = set()
        for row in rows:
            status, form, has_template = states[row["number"]]
            reported = after_report(status, form, ReportStatus(row["fate"]), has_template=has_template)
            after, form = reported.status, reported.form
            if after is Status.PENDING and await self._is_overtaken(connection, row["booking_id"], row["occasion"]):
                after = Status.WITHDRAWN
            states[row["number"]] = (after, form, has_template)
            await connection.execute(sql.REPORTED, *_reported(row, after, form), list(CLOSED), now)
            if after is Status.FAILED and status is not Status.FAILED:
                failed.add((row["booking_id"], row["occasion"]))
                DELIVERIES.labels(row["channel"], Status.FAILED).inc()
        await connection.execute(sql.APPLIED, [row["id"] for row in rows])
        on_commit(self._wake.set)
        return await self._pass_on(connection, failed, now)

    async def _is_overtaken(self, connection: Connection, booking_id: UUID, occasion: str) -> bool:
        """Whether what would go out again has become untrue or idle meanwhile."""
        newer = [row["occasion"] for row in await connection.fetch(sql.TOLD, [booking_id])]
        newer += [Event.CANCELLED] if await connection.fetchval(sql.IS_OFF, booking_id) else []
        return any(supersedes(one, occasion) for one in newer)

    async def _pass_on(self, connection: Connection, failed: set[Occasion], now: datetime) -> list[Lost]:
        if not failed:
            return []
        rows = await connection.fetch(sql.SIBLINGS, *_split(failed))
        lost: list[Lost] = []
        woken: list[Mapping[str, Any]] = []
        for booking_id, occasion in failed:
            family = [row for row in rows if (row["booking_id"], row["occasion"]) == (booking_id, occasion)]
            siblings: list[Sibling] = [sql.sibling(row) for row in family]
            if following := next_in_line(siblings):
                woken.append(next(row for row in family if row["number"] == following.number))
            elif nobody_told(siblings):
                audience = Audience(family[0]["audience"])
                channels = tuple(one.channel.value for one in siblings)
                lost.append(Lost(booking_id, occasion, audience, channels, family[0]["property_id"]))
        if woken:
            await self._begin(connection, woken, now)
        return lost

    async def _begin(self, connection: Connection, woken: Sequence[Mapping[str, Any]], now: datetime) -> None:
        changes = [
            {
                "number": row["number"],
                "status": self._composer.first_status(Channel(row["channel"])),
                "due_at": self._composer.not_before(
                    Channel(row["channel"]), row["property_id"], row["timezone"], row["urgent"], now
                ),
            }
            for row in woken
        ]
        await connection.execute(sql.WAKE, changes, now)
        stored = [change["number"] for change in changes if change["status"] is Status.STORED]
        _count_stored([row["channel"] for row in woken if row["number"] in stored])
        on_commit(self._wake.set)

    def _not_before(self, now: datetime, one: Delivery) -> datetime:
        return self._composer.not_before(one.channel, one.property_id, one.timezone, one.urgent, now)


def _count_stored(channels: Sequence[str]) -> None:
    for channel in channels:
        DELIVERIES.labels(channel, Status.STORED).inc()


def _reported(row: Mapping[str, Any], status: Status, form: Form) -> tuple[Any, ...]:
    fate = ReportStatus(row["fate"])
    delivered_at = row["at"] if fate in (ReportStatus.DELIVERED, ReportStatus.READ) else None
    read_at = row["at"] if fate is ReportStatus.READ else None
    return row["number"], status, form, row["said"], row["reported_problem"], delivered_at, read_at


def _occasion(outcome: Outcome) -> Occasion:
    return outcome.claimed.delivery.booking_id, outcome.claimed.delivery.occasion


def _split(pairs: set[Occasion]) -> tuple[list[UUID], list[str]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
