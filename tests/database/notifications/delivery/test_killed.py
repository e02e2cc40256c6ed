"""The sender killed many times amid many messages: none lost, few twice, and none where we can ask.

Without an idempotency key a message may come twice that was under way when the process died: from the request's first
byte on the wire to the commit that records the answer. Those are counted at each kill, and no other comes twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.notifications.delivery.model import Channel
from shared.database.pool import Database
from tests.support.doubles import message_providers as doubles
from tests.support.doubles.message_providers import Answer, Asked
from tests.support.races.killed_sender import MESSAGES
from tests.support.scale import scaled

KILLS = scaled(100, part=25)
LONGEST_LIFE = 0.25  # seconds from a life's first message to its kill

Handle = Callable[[Asked], Answer]
PROVIDER_CASES: dict[
    str, tuple[Channel, Callable[[], Handle], Callable[[str], dict[str, str]], Callable[[Asked], str]]
] = {
    "gupshup": (
        Channel.SMS,
        lambda: doubles.gupshup_sms,
        lambda url: {"gupshup_sms_user": "2000", "gupshup_sms_password": "secret", "gupshup_sms_url": url},
        lambda asked: asked.form["msg"],
    ),
    "postmark": (
        Channel.EMAIL,
        doubles.PostmarkServer,
        lambda url: {"postmark_token": "secret", "postmark_from": "reservas@example.com", "postmark_url": url},
        lambda asked: str(asked.json["Subject"]),
    ),
}


@asynccontextmanager
async def kennel(*arguments: str) -> AsyncIterator[Callable[[], asyncio.Future[int]]]:
    """Starts senders; what it gives starts one and tells its process id."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.races.killed_sender",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )

    async def start() -> int:
        assert program.stdin
        assert program.stdout
        program.stdin.write(b"start\n")
        return int(await program.stdout.readline())

    try:
        yield lambda: asyncio.ensure_future(start())
    finally:
        program.kill()
        await program.wait()


async def count(database: Database, where: str) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM deliveries WHERE {where}"))  # noqa: S608


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 — another process's work
            await asyncio.sleep(0.002)


@pytest.mark.long
@pytest.mark.parametrize("provider", PROVIDER_CASES)
async def test_killed_again_and_again_none_is_lost_and_few_come_twice(
    provider: str, database: Database, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    channel, make, settings, words = PROVIDER_CASES[provider]
    dice = random.Random(20260301)
    under_way = 0
    async with doubles.serving(make()) as double:
        async with kennel(database_url, json.dumps(settings(double.url)), channel.value) as start:
            for _ in range(KILLS):
                before = len(double.accepted)
                sender = await start()
                await until(lambda before=before: len(double.accepted) > before)  # type: ignore[misc]
                await asyncio.sleep(dice.uniform(0, LONGEST_LIFE))  # the moment of the kill is what is random here
                os.kill(sender, signal.SIGKILL)
                await asyncio.sleep(0.01)  # what is on the wire arrives
                under_way += await count(database, "status = 'pending' AND unsure AND leased_until > now()")
            killed_after = len(double.accepted)
            last = await start()
            async with asyncio.timeout(120):
                while await count(database, "status = 'sent'") < MESSAGES:  # noqa: ASYNC110 — another process's work
                    await asyncio.sleep(0.05)
            os.kill(last, signal.SIGKILL)
        taken = Counter(words(asked) for asked in double.accepted)
    twice = sum(times - 1 for times in taken.values())
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{provider}: {KILLS} kills within the first {killed_after} of {MESSAGES} messages,"
            f" {under_way} under way at a kill, {twice} taken twice"
        )
    assert len(taken) == MESSAGES  # none lost
    if provider == "postmark":
        assert twice == 0  # it was asked before
    else:
        assert twice <= under_way
