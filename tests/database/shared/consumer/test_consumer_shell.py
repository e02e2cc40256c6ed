"""The consumer on PostgreSQL: each message once, poison put off alone, what is invalid set aside."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.consumer.processor import Processor
from shared.contracts.availability import CountRequested
from shared.contracts.topics import internal
from shared.database.pool import Database
from shared.errors import Conflict
from shared.kafka.topics import Topic
from shared.observability.metrics import HANDLED
from shared.outbox import dead_letters
from tests.support.doubles.transport import process_records, raw_record, record_of_row
from tests.support.sagas.sample_service import Notes, OptimisticNotes, asked, body, noted
from tests.support.sagas.sample_shell import Shell, failing

pytestmark = pytest.mark.real


async def test_a_batch_is_handled_once_in_order(shell: Shell) -> None:
    await shell.take("a", "b", "a", "c")
    await shell.take("b", "c", "a")
    assert await noted(shell.database) == ["a", "b", "c"]
    assert [message.request_id for message in shell.office.messages] == ["a", "b", "c"]


async def test_two_instances_with_the_same_batch_handle_it_once(shell: Shell, database: Database) -> None:
    other = Shell(database, routes=shell.routes)
    await asyncio.gather(shell.take("a", "b", "c"), other.take("c", "b", "a"))
    assert sorted(await noted(database)) == ["a", "b", "c"]
    assert len(shell.office.rows) + len(other.office.rows) == 3


async def test_only_the_poisonous_message_is_put_off(database: Database, kind: type[Notes]) -> None:
    attempts = 2 + (kind is OptimisticNotes)  # in the batch, under locks too, and alone
    shell = Shell(database, failing("b", times=attempts, kind=kind))
    await shell.take("a", "b", "c")
    assert await noted(database) == ["a", "c"]
    await shell.relay.stop()
    (later,) = await shell.outbox()
    assert later["topic"] == internal(shell.routes.service).name
    assert later["due_at"] == shell.clock() + timedelta(seconds=0.2)
    shell.office.taken()
    shell.clock.forward(timedelta(seconds=1))
    await shell.relay.sweep()
    await process_records(shell.processor, [record_of_row(row) for row in shell.office.taken()])
    assert await noted(database) == ["a", "c", "b"]


async def test_the_rest_of_a_large_batch_still_shares_transactions(database: Database, kind: type[Notes]) -> None:
    shell = Shell(database, failing("37", kind=kind))
    names = [f"{number:02}" for number in range(64)]

    await shell.take(*names)

    async with database.connection() as connection:
        together = await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM notes")
    assert await noted(database) == [name for name in names if name != "37"]
    assert together < 12  # one transaction for each half, not one for each message


async def test_attempts_are_bounded_and_the_dead_letter_tells_its_story(database: Database, kind: type[Notes]) -> None:
    shell = Shell(database, failing("b", kind=kind))
    record = asked(shell.routes, "b", headers=[("ce_id", b"b"), ("x-chat", b"c7")])
    await process_records(shell.processor, [record])
    attempts = 1
    while not any(row.topic.endswith(".dead") for row in shell.office.rows):
        await shell.relay.stop()
        (row,) = await shell.outbox()
        shell.clock.now = row["due_at"]
        await shell.relay.sweep()
        await process_records(shell.processor, [record_of_row(one) for one in shell.office.taken() for _ in range(2)])
        attempts += 1
    assert attempts == 6
    (dead,) = shell.office.rows
    headers = dict(dead.headers)
    assert headers["dead_topic"].decode() == shell.routes.topics[0].name
    assert headers["dead_place"].decode() == f"{record.topic}/{record.partition}/{record.offset}"
    assert headers["original_x-chat"] == b"c7"
    assert not [name for name in headers if "origin" in name and name.endswith(dead_letters.ORIGIN)]
    history = headers["posada_history"].decode()
    assert history.count("RuntimeError: b is poison") == 6
    assert headers["original_ce_id"] == b"b"
    assert await noted(database) == []


async def test_what_was_not_handled_claims_no_id(database: Database, kind: type[Notes]) -> None:
    """A message that became a dead letter, at once or after its attempts, may be sent again under the same id."""
    healed: list[bool] = []

    def breaks(request_id: str) -> None:
        if request_id == "b" and not healed:
            raise RuntimeError("not yet")

    shell = Shell(database, kind(breaks))
    shell.processor = Processor(shell.routes, database, shell.relay, clock=shell.clock, retry_pauses=())
    bad = raw_record(shell.routes.topics[0].name, b"{}", headers=[("ce_id", b"a")])
    await process_records(shell.processor, [bad, bad, asked(shell.routes, "b")])
    assert [row.topic.endswith(".dead") for row in shell.office.taken()] == [True, True]
    healed.append(True)
    again = [asked(shell.routes, "a"), asked(shell.routes, "b")]
    await process_records(shell.processor, [*again, *again])
    assert await noted(database) == ["a", "b"]


async def test_an_id_on_another_topic_hides_nothing(database: Database, kind: type[Notes]) -> None:
    notes = kind()
    topics = [Topic(f"{uuid4().hex}.{name}", "", default_type=CountRequested.type_name) for name in ("mine", "yours")]
    routes = notes.routes("notes", topics[0])
    routes.topics = tuple(topics)
    shell = Shell(database, notes, routes=routes)
    same = [raw_record(topic.name, body(topic.name), headers=[("ce_id", b"1")]) for topic in topics]
    await process_records(shell.processor, [*same, *same])
    assert await noted(database) == [topic.name for topic in topics]


async def test_rivals_are_outlasted_at_once(database: Database) -> None:
    shell = Shell(database, failing("a", times=9, fault=Conflict))
    await shell.take("a", "b")
    assert await noted(database) == ["a", "b"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\x00", b"\xff\xfe", b'{"request_id": "x"}', b'{"request_id": 1e999}', b"9" * 100_000]
)
async def test_what_is_invalid_is_set_aside_whole_and_stops_nobody(shell: Shell, body: bytes) -> None:
    strange = raw_record(
        shell.routes.topics[0].name, body, key=b"\x00k\xff", headers=[("a\0b", b"\0\xff"), ("n", None)]
    )
    await process_records(shell.processor, [asked(shell.routes, "a"), strange, asked(shell.routes, "b")])
    assert await noted(shell.database) == ["a", "b"]
    (dead,) = [row for row in shell.office.rows if row.topic.endswith(".dead")]
    assert dead.body == body
    assert len(await shell.outbox()) == 3


async def test_a_poisonous_message_with_nul_in_key_and_headers_is_put_off(database: Database) -> None:
    shell = Shell(database, failing("b"))
    headers = [("ce_id", b"\0\xff"), ("ce_correlationid", b"\0"), ("x\0", b"\0")]
    await process_records(shell.processor, [asked(shell.routes, "b", key=b"\0\xff", headers=headers)])
    await shell.relay.stop()
    assert len(await shell.outbox()) == 1


async def test_what_was_rolled_back_is_not_counted(database: Database, kind: type[Notes]) -> None:
    shell = Shell(database, failing("b", times=2, fault=Conflict, kind=kind))
    counted = HANDLED.labels(CountRequested.type_name, "handled")
    before = counted._value.get()
    await shell.take("a", "b")
    assert await noted(database) == ["a", "b"]
    assert counted._value.get() - before == 2
