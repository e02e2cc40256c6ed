"""What strangers write into headers and keys stops no service, and gets no MAC of ours on its way to a dead letter."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.consumer.processor import Processor
from shared.contracts.topics import dead, internal
from shared.database.pool import Database
from shared.kafka.topics import KEPT_BYTES, MESSAGE_BYTES
from shared.messages.record_auth import RecordVerifier, Seal
from shared.outbox.dead_letters import HISTORY, read_history
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.transport import MovedClock, PostOffice, process_records, raw_record
from tests.support.sagas.sample_service import Notes, asked, body, noted

SEAL = Seal({"1": "s" * 32})
HISTORIES = {
    "deep": b"[" * 100_000,
    "large": json.dumps(["é" * 100_000] * 9, ensure_ascii=False).encode(),
    "of no faults": b'[1, null, "a", ["b"]]',
    "long": json.dumps([{"attempt": "1", "at": "", "fault": "x" * 100_000}] * 9).encode(),
}


class Faulty(Database):
    """A database whose transactions fail as often as told, for no reason that is known."""

    left = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        if self.left:
            self.left -= 1
            raise RuntimeError("this batch did not go through")
        async with super().transaction() as connection:
            yield connection


class Desk:
    """The service of notes, with what it sends."""

    def __init__(self, database: Database, notes: Notes, *, signed: bool = False) -> None:
        self.routes, self.office, self.clock = notes.routes(), PostOffice(), MovedClock()
        verifier = RecordVerifier(SEAL, {topic.name: topic for topic in self.routes.topics}) if signed else None
        relay = OutboxPublisher(self.office, database, clock=self.clock)
        self.processor = Processor(self.routes, database, relay, clock=self.clock, verifier=verifier)

    @property
    def topic(self) -> str:
        return self.routes.topics[0].name


@pytest.mark.real
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
async def test_a_strangers_history_is_none(database: Database, history: bytes) -> None:
    """The header is ours alone, on our own topic; elsewhere it was read, and what could not be read stopped all."""

    def poison(request_id: str) -> None:
        if request_id == "b":
            raise RuntimeError("b is poison")

    desk = Desk(database, Notes(poison))
    headers = [(HISTORY, history)]
    broken = raw_record(desk.topic, b"{}", headers=headers)
    poisonous = asked(desk.routes, "b", headers=[("ce_id", b"b"), *headers])
    await process_records(desk.processor, [asked(desk.routes, "a"), broken, poisonous, asked(desk.routes, "c")])
    assert await noted(database) == ["a", "c"]
    (letter,) = [row for row in desk.office.rows if row.topic == dead(desk.routes.service).name]
    async with database.connection() as connection:
        (later,) = await connection.fetch(
            "SELECT headers FROM outbox WHERE topic = $1", internal(desk.routes.service).name
        )
    for one in (dict(letter.headers)[HISTORY], dict(later["headers"])[HISTORY].encode()):
        assert len(read_history(one)) == 1
        assert len(one) < 2000


@pytest.mark.real
async def test_what_is_not_verified_is_not_retried(notes_url: str) -> None:
    """It would come by our own topic, with our MAC, and be believed."""
    faulty = Faulty(notes_url)
    await faulty.open()
    desk = Desk(faulty, Notes(), signed=True)
    faulty.left = 2  # in the batch, and alone
    await process_records(desk.processor, [raw_record(desk.topic, body("forged"), headers=[("ce_id", b"1")])])
    assert faulty.left == 0
    assert await noted(faulty) == []
    async with faulty.connection() as connection:
        rows = await connection.fetch("SELECT topic, headers FROM outbox")
    assert [row["topic"] for row in rows] == [dead(desk.routes.service).name]
    assert ["dead_unverified", "1"] in rows[0]["headers"]
    await faulty.close()


@pytest.mark.real
async def test_a_key_that_grows_when_it_is_sent_again_makes_no_row_that_nobody_takes(database: Database) -> None:
    def poison(_: str) -> None:
        raise RuntimeError("all is poison")

    desk = Desk(database, Notes(poison))
    key = b"\xff" * (MESSAGE_BYTES - 1000)  # each byte is three where it is written as text
    await process_records(desk.processor, [asked(desk.routes, "b", key=key)])
    async with database.connection() as connection:
        (row,) = await connection.fetch("SELECT topic, key, headers, body FROM outbox")
    assert row["topic"] == dead(desk.routes.service).name
    assert len(row["key"]) + len(row["headers"]) + len(row["body"]) < KEPT_BYTES
