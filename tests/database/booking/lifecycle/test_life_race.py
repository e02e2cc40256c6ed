"""Two processes that want the same booking: one wins; and it is the guards that see to it, for without them both do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.booking.lifecycle import GuestCheckedIn
from shared.contracts.booking.staff import CancelBooking, CheckIn, StaffCommand
from shared.contracts.payments import RepriceBooking
from shared.database.pool import Database
from tests.support.builders.lifecycle import Front, command
from tests.support.races.bookings import compete
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
SECONDS = 60


@pytest.fixture
async def front(fresh_database: FreshDatabase) -> AsyncIterator[Front]:
    url = fresh_database("booking")
    front = Front(Database(url))
    front.url = url
    await front.database.open()
    yield front
    await front.database.close()


def race(url: str, commands: list[StaffCommand], now: Any, *, guarded: bool) -> list[str]:
    """Let a process obey each command, all at once; gives the types of what they sent."""
    spawning = get_context("forkserver")
    spawning.set_forkserver_preload(["tests.support.races.bookings"])
    barrier, results = spawning.Barrier(len(commands)), spawning.Queue()
    terms = {"guarded": guarded, "barrier": barrier, "results": results}
    rivals = [spawning.Process(target=compete, args=(url, one, now), kwargs=terms) for one in commands]
    for rival in rivals:
        rival.start()
    sent = [name for _ in rivals for name in results.get(timeout=SECONDS)]
    for rival in rivals:
        rival.join(SECONDS)
    return sent


async def raced(front: Front, *, guarded: bool) -> tuple[UUID, list[Any], list[str]]:
    """Cancel and check in at once; gives what was answered and what was sent."""
    booking = await front.confirmed()
    front.clock.forward(timedelta(days=5))
    commands = [command(CancelBooking, booking), command(CheckIn, booking)]
    sent = await asyncio.to_thread(race, front.url, commands, front.clock(), guarded=guarded)
    answers = await front.ask("SELECT type, state, refusal FROM commands WHERE booking_id = $1", booking)
    return booking, answers, sent


def effects(sent: list[str]) -> set[str]:
    """What the world was told: that guests arrived, that money goes back."""
    return set(sent) & {GuestCheckedIn.type_name, RepriceBooking.type_name}


async def actions(front: Front, booking: UUID) -> list[str]:
    """The audit log behind the confirmation."""
    rows = await front.ask("SELECT action FROM audit_log WHERE booking_id = $1 ORDER BY id", booking)
    return [row["action"] for row in rows][2:]


@pytest.mark.parametrize("_", range(4))
async def test_one_of_two_wins_and_the_other_is_told_why(front: Front, _: int) -> None:
    booking, answers, sent = await raced(front, guarded=True)
    assert sorted(row["state"] for row in answers) == ["done", "refused"]
    refused = next(row["refusal"] for row in answers if row["refusal"])
    assert refused["code"] in {"illegal_transition", "change_under_way"}
    assert len(effects(sent)) == 1
    assert len(await actions(front, booking)) == 1


async def test_without_the_guards_both_would_win(front: Front) -> None:
    booking, answers, sent = await raced(front, guarded=False)
    assert [row["state"] for row in answers] == ["done", "done"]
    assert effects(sent) == {GuestCheckedIn.type_name, RepriceBooking.type_name}
    assert sorted(await actions(front, booking)) == ["CANCEL", "CHECK_IN"]


async def test_the_same_command_in_two_processes_is_done_once(front: Front) -> None:
    """Under two event ids, so that the inbox does not know them for one: the command's own id does."""
    booking = await front.confirmed()
    given = command(CancelBooking, booking, command_id=uuid4())
    sent = await asyncio.to_thread(race, front.url, [given, given], front.clock(), guarded=True)
    assert sent.count(RepriceBooking.type_name) == 1
    (answer,) = await front.ask("SELECT state FROM commands WHERE booking_id = $1", booking)
    assert answer["state"] == "done"
    assert await actions(front, booking) == ["CANCEL"]
