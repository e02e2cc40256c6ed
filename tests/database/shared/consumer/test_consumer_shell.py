"""The consumer's shell and the outbox on PostgreSQL: once each, poison put off alone, nothing lost or sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from shared.consumer.processor import Processor
from shared.contracts.availability import CountRequested
from shared.contracts.booking import BookingProgressed
from shared.contracts.topics import internal
from shared.database import outage
from shared.database.pool import Database
from shared.errors import Conflict
from shared.kafka.topics import Topic
from shared.messages.message import Envelope, Outgoing
from shared.observability.metrics import HANDLED
from shared.outbox import dead_letters, outbox
from shared.outbox.outbox import Row
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.transport import MovedClock, PostOffice, raw_record, record_of_row
from tests.support.sagas.sample_service import Notes, OptimisticNotes, asked, body, noted

pytestmark = pytest.mark.real


@dataclass
class Shell:
    """The service of notes over its database, told by hand."""

    database: Database
    notes: Notes = field(default_factory=Notes)
    clock: MovedClock = field(default_factory=MovedClock)
    office: PostOffice = field(default_factory=PostOffice)
    routes: Any = None

    def __post_init__(self) -> None:
        self.routes = self.routes or self.notes.routes()
        self.relay = OutboxPublisher(self.office, self.database, clock=self.clock)
        self.consumer = Processor(self.routes, self.database, self.relay, clock=self.clock)

    async def take(self, *request_ids: str) -> None:
        await self.consumer.process([asked(self.routes, request_id) for request_id in request_ids])

    async def outbox(self) -> list[Any]:
        async with self.database.connection() as connection:
            return list(await connection.fetch("SELECT * FROM outbox ORDER BY due_at"))


@pytest.fixture(params=[Notes, OptimisticNotes])
def kind(request: pytest.FixtureRequest) -> type[Notes]:
    return request.param


@pytest.fixture
def shell(database: Database, kind: type[Notes]) -> Shell:
    return Shell(database, kind())


def failing(
    *poison: str, times: int = 10**6, fault: type[Exception] = RuntimeError, kind: type[Notes] = Notes
) -> Notes:
    left = [times]

    def breaks(request_id: str) -> None:
        if request_id in poison and left[0]:
            left[0] -= 1
            raise fault(f"{request_id} is poison")

    return kind(breaks)


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
    await shell.consumer.process([record_of_row(row) for row in shell.office.taken()])
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
    await shell.consumer.process([record])
    attempts = 1
    while not any(row.topic.endswith(".dead") for row in shell.office.rows):
        await shell.relay.stop()
        (row,) = await shell.outbox()
        shell.clock.now = row["due_at"]
        await shell.relay.sweep()
        await shell.consumer.process([record_of_row(one) for one in shell.office.taken() for _ in range(2)])
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
    shell.consumer = Processor(shell.routes, database, shell.relay, clock=shell.clock, back_off=())
    bad = raw_record(shell.routes.topics[0].name, b"{}", headers=[("ce_id", b"a")])
    await shell.consumer.process([bad, bad, asked(shell.routes, "b")])
    assert [row.topic.endswith(".dead") for row in shell.office.taken()] == [True, True]
    healed.append(True)
    again = [asked(shell.routes, "a"), asked(shell.routes, "b")]
    await shell.consumer.process([*again, *again])
    assert await noted(database) == ["a", "b"]


async def test_an_id_on_another_topic_hides_nothing(database: Database, kind: type[Notes]) -> None:
    notes = kind()
    topics = [Topic(f"{uuid4().hex}.{name}", "", default_type=CountRequested.type_name) for name in ("mine", "yours")]
    routes = notes.routes("notes", topics[0])
    routes.topics = tuple(topics)
    shell = Shell(database, notes, routes=routes)
    same = [raw_record(topic.name, body(topic.name), headers=[("ce_id", b"1")]) for topic in topics]
    await shell.consumer.process([*same, *same])
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
    await shell.consumer.process([asked(shell.routes, "a"), strange, asked(shell.routes, "b")])
    assert await noted(shell.database) == ["a", "b"]
    (dead,) = [row for row in shell.office.rows if row.topic.endswith(".dead")]
    assert dead.body == body
    assert len(await shell.outbox()) == 3


async def test_a_poisonous_message_with_nul_in_key_and_headers_is_put_off(database: Database) -> None:
    shell = Shell(database, failing("b"))
    headers = [("ce_id", b"\0\xff"), ("ce_correlationid", b"\0"), ("x\0", b"\0")]
    await shell.consumer.process([asked(shell.routes, "b", key=b"\0\xff", headers=headers)])
    await shell.relay.stop()
    assert len(await shell.outbox()) == 1


class Away(Database):
    """A database that is away for some transactions, and once breaks off in the middle."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.faults: list[Exception] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Fail as a lost server does, as often as told."""
        if self.faults:
            raise self.faults.pop(0)
        async with super().transaction() as connection:
            yield connection


async def test_while_the_database_is_away_nothing_is_lost(notes_url: str) -> None:
    away = Away(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    ]
    await shell.take("a", "b")
    assert await noted(away) == ["a", "b"]
    assert len(shell.office.rows) == 2
    await away.close()


async def test_however_long_the_database_is_away_its_work_is_not_at_fault(
    notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    looks = 0

    class Gone(Away):
        async def answers(self) -> bool:
            nonlocal looks
            looks += 1
            if looks < 200:
                return False
            self.faults.clear()
            return await super().answers()

    away = Gone(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [ConnectionRefusedError()] * 1000
    await shell.take("a", "b")
    assert await noted(away) == ["a", "b"]
    assert looks == 200
    assert len(shell.office.rows) == 2  # the two answers, and nothing put off
    await away.close()


async def test_however_long_the_disk_is_full_no_message_is_at_fault(
    notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    away = Away(notes_url)
    await away.open()
    shell = Shell(away)
    away.faults = [asyncpg.DiskFullError("could not extend file: No space left on device")] * 20
    await shell.take("a", "b")
    assert await noted(away) == ["a", "b"]
    assert len(shell.office.rows) == 2  # the two answers, and nothing put off
    await away.close()


async def test_a_database_that_may_only_be_read_is_waited_for(
    notes_url: str, kind: type[Notes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a managed server is whose disk is full, or a standby before it takes over."""
    monkeypatch.setattr(outage, "PAUSE", (0.001, 0.002))
    owner = await asyncpg.connect(notes_url)
    name = await owner.fetchval("SELECT current_database()")
    looks = 0

    class Watched(Database):
        async def answers(self) -> bool:
            nonlocal looks
            looks += 1
            if looks == 20:
                await owner.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            return await super().answers()

    await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    watched = Watched(notes_url)
    await watched.open()
    shell = Shell(watched, kind())
    await shell.take("a", "b")
    assert looks == 20
    assert await noted(watched) == ["a", "b"]
    assert len(shell.office.rows) == 2  # the two answers, and nothing put off
    await watched.close()
    await owner.close()


class Slow(Notes):
    """Notes with one message whose query takes longer than any may."""

    async def save(self, connection: Any, uow: list[str], now: Any) -> Any:
        if "slow" in uow:
            await connection.execute("SELECT pg_sleep(600)")
        return await super().save(connection, uow, now)


async def test_a_query_that_always_takes_too_long_is_a_fault_of_its_message(notes_url: str) -> None:
    hurried = Database(notes_url, command_seconds=0.5)
    await hurried.open()
    shell = Shell(hurried, Slow())
    shell.consumer = Processor(shell.routes, hurried, shell.relay, clock=shell.clock, back_off=())
    await shell.take("a", "slow", "b")
    assert await noted(hurried) == ["a", "b"]
    (letter,) = [row for row in shell.office.rows if row.topic.endswith(".dead")]
    assert dict(letter.headers)["original_ce_id"] == b"slow"
    assert b"TimeoutError" in dict(letter.headers)["posada_history"]
    await hurried.close()


@pytest.mark.parametrize("fault", [asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError])
async def test_a_bug_that_looks_like_an_outage_blocks_nobody(database: Database, fault: type[Exception]) -> None:
    shell = Shell(database, failing("b", fault=fault))
    await shell.take("a", "b", "c")
    assert await noted(database) == ["a", "c"]
    (later,) = [row for row in await shell.outbox() if row["topic"] == internal(shell.routes.service).name]
    assert fault.__name__ in str(later["headers"])


async def test_a_connection_that_is_killed_in_mid_transaction_is_outlasted(notes_url: str, database: Database) -> None:
    class Killed(Notes):
        killed = False

        async def save(self, connection: Any, uow: list[str], now: Any) -> Any:
            if not self.killed:
                self.killed = True
                pid = await connection.fetchval("SELECT pg_backend_pid()")
                async with other.connection() as killer:
                    await killer.execute("SELECT pg_terminate_backend($1)", pid)
            return await super().save(connection, uow, now)

    other = Database(notes_url)
    await other.open()
    shell = Shell(database, Killed())
    await shell.take("a", "b")
    assert await noted(database) == ["a", "b"]
    await other.close()


def row(number: int, due: Any) -> Row:
    headers = Envelope(id=str(number), type="t", source="s").headers()
    return Row(uuid4(), "topic", str(number), headers, b"{}", due)


async def planted(shell: Shell, rows: list[Row]) -> None:
    async with shell.database.transaction() as connection:
        await outbox.add(connection, rows, shell.clock())


async def test_a_row_is_sent_when_it_is_due_and_not_before(shell: Shell) -> None:
    await planted(shell, [row(n, shell.clock() + timedelta(minutes=n)) for n in (3, 1, 2)])
    await shell.relay.sweep()
    assert shell.office.rows == []
    for minute in (1, 2, 3):
        shell.clock.forward(timedelta(minutes=1))
        await shell.relay.sweep()
        assert [one.key for one in shell.office.taken()] == [str(minute)]
    assert await shell.outbox() == []


async def test_what_a_crash_left_behind_is_swept_after_its_grace(shell: Shell) -> None:
    def lost(_: Row) -> None:
        raise KafkaConnectionError

    shell.relay = OutboxPublisher(PostOffice(lost), shell.database, clock=shell.clock)
    await Processor(shell.routes, shell.database, shell.relay, clock=shell.clock).process([asked(shell.routes, "a")])
    assert len(await shell.outbox()) == 1
    survivor = OutboxPublisher(shell.office, shell.database, clock=shell.clock)
    await survivor.sweep()
    assert shell.office.rows == []
    shell.clock.forward(outbox.GRACE)
    await survivor.sweep()
    assert [message.request_id for message in shell.office.messages] == ["a"]
    assert await shell.outbox() == []


async def test_what_was_rolled_back_is_not_counted(database: Database, kind: type[Notes]) -> None:
    shell = Shell(database, failing("b", times=2, fault=Conflict, kind=kind))
    counted = HANDLED.labels(CountRequested.type_name, "handled")
    before = counted._value.get()
    await shell.take("a", "b")
    assert await noted(database) == ["a", "b"]
    assert counted._value.get() - before == 2


@pytest.mark.parametrize("at_the_door", [True, False])
async def test_a_row_that_cannot_be_sent_keeps_no_other_back_nor_sends_it_twice(
    shell: Shell, at_the_door: bool
) -> None:
    class Picky(PostOffice):
        async def send(self, row: Row) -> asyncio.Future[Any]:
            if row.key != "4":
                return await super().send(row)
            if at_the_door:
                raise TopicAuthorizationFailedError
            refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            refused.set_exception(TopicAuthorizationFailedError())
            return refused

    office = Picky()
    await planted(shell, [row(n, shell.clock() - timedelta(seconds=9 - n)) for n in range(9)])
    relay = OutboxPublisher(office, shell.database, clock=shell.clock)
    for _ in range(4):
        await relay.sweep()
    assert [one.key for one in office.rows] == ["0", "1", "2", "3", "5", "6", "7", "8"]
    assert [one["key"] for one in await shell.outbox()] == ["4"]
    shell.clock.forward(timedelta(minutes=1))
    await OutboxPublisher(shell.office, shell.database, clock=shell.clock).sweep()
    assert [one.key for one in shell.office.rows] == ["4"]


async def test_two_sweepers_share_the_rows(shell: Shell) -> None:
    await planted(shell, [row(n, shell.clock()) for n in range(900)])
    offices = [PostOffice(), PostOffice()]
    await asyncio.gather(*[OutboxPublisher(one, shell.database, clock=shell.clock).sweep() for one in offices])
    assert sorted(int(one.key) for office in offices for one in office.rows) == list(range(900))


async def test_what_arrived_is_removed_together_and_is_not_sent_again(shell: Shell) -> None:
    await shell.take("a")
    await shell.take("b")
    assert len(await shell.outbox()) == 2
    shell.clock.forward(outbox.GRACE)
    await shell.relay.sweep()
    assert await shell.outbox() == []
    assert len(shell.office.rows) == 2
    await shell.take("c")
    await asyncio.sleep(0)  # the news of its arrival comes by the loop
    await shell.relay.stop()
    assert await shell.outbox() == []


async def test_what_is_told_but_not_promised_leaves_no_row(shell: Shell) -> None:
    told = BookingProgressed(booking_id=uuid4(), request_id="r", step="accepted", at=shell.clock())
    due = Outgoing(told, due=shell.clock() + timedelta(minutes=1))
    rows = [outbox.row_of(Outgoing.of(send), "tests", None, shell.clock()) for send in (told, due)]
    await planted(shell, rows)
    await shell.relay.send(rows)
    assert [one.id for one in shell.office.rows] == [rows[0].id]
    assert [record["id"] for record in await shell.outbox()] == [rows[1].id]  # what must wait has to be kept
