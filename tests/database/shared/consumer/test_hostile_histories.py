"""What strangers write into a history of faults or a dead letter's headers stops neither a service nor the desk."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from shared.consumer.processor import Processor
from shared.contracts.topics import dead
from shared.database.pool import Database
from shared.kafka.topics import KEPT_BYTES
from shared.outbox.dead_letter_topic import DeadLetter, _fold
from shared.outbox.dead_letters import CUT, HISTORY, MAX_FAULT, MAX_HISTORY, MAX_HISTORY_BYTES, extended, read_history
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.row import Row
from tests.support.doubles.transport import PostOffice, process_records, raw_record
from tests.support.sagas.sample_service import Notes, asked, noted

NOW = datetime(2027, 5, 1, tzinfo=UTC)
OURS = {"attempt": "1", "at": NOW.isoformat(), "fault": "it is bad"}
HOSTILE = {
    "deep": b"[" * 100_000,
    "deep, of a usual size": b"[" * 60_000,
    "long": b'["' + b"x" * 3_000_000 + b'"]',
    "one long fault": json.dumps([OURS | {"fault": "x" * 3_000_000}]).encode(),
    "numbers": b"[1, 2]",
    "without a fault": b'[{"attempt": "1"}]',
    "a fault that is none": json.dumps([OURS | {"fault": [1]}]).encode(),
    "half a pair": b'[{"attempt": "1", "at": "", "fault": "\\ud800"}]',
    "no JSON": b"\xff",
    "an object": b"{}",
}
ODD_HEADERS: dict[str, list[tuple[str, bytes | None]]] = {
    "cut by words": [(CUT, b"many")],
    "cut by no end": [(CUT, b"9" * 5000)],
    "null": [("dead_service", None), ("original_ce_type", None), (HISTORY, None)],
    **{name: [(HISTORY, value)] for name, value in HOSTILE.items()},
}


@pytest.mark.real
@pytest.mark.parametrize("history", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("body", [b"no JSON", None], ids=["unreadable", "poisonous"])
async def test_a_message_with_a_hostile_history_is_set_aside_like_any_other(
    database: Database, history: bytes, body: bytes | None
) -> None:
    poison, before, after = (f"{name} {uuid4()}" for name in ("poison", "before", "after"))

    def breaks(request_id: str) -> None:
        if request_id == poison:
            raise RuntimeError("it is poison")

    routes, office = Notes(breaks).routes(), PostOffice()
    processor = Processor(routes, database, OutboxPublisher(office, database), retry_pauses=())
    hostile = asked(routes, poison, headers=[("ce_id", poison.encode()), (HISTORY, history)])
    hostile.value = body or hostile.value

    await process_records(processor, [asked(routes, before), hostile, asked(routes, after)])

    (letter,) = [row for row in office.rows if row.topic == dead(routes.service).name]
    assert size_of(letter) < KEPT_BYTES
    assert read_history(dict(letter.headers)[HISTORY])
    assert {before, after} <= set(await noted(database))


def size_of(row: Row) -> int:
    return len(row.body or b"") + sum(len(name) + len(value) for name, value in row.headers)


@pytest.mark.parametrize("headers", ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_a_forged_letter_keeps_no_other_from_being_listed(headers: list[tuple[str, bytes | None]]) -> None:
    letters: dict[str, DeadLetter] = {}
    record: Any = raw_record(dead("payments").name, b"{}", key=b"forged", headers=headers)
    _fold(letters, record, verified=False)

    (letter,) = letters.values()
    assert not letter.verified
    assert orjson.dumps(letter.as_json())
    assert isinstance(letter.reason, str)
    assert all(isinstance(fault.get("fault"), str) for fault in letter.history)


def test_the_longest_history_of_our_own_is_read_again() -> None:
    history = b""
    for attempt in range(MAX_HISTORY + 1):
        history = extended(history, attempt, "\U0001f600" * MAX_FAULT, NOW)
    assert len(history) <= MAX_HISTORY_BYTES
    assert [fault["attempt"] for fault in read_history(history)] == [str(n) for n in range(2, 12)]
