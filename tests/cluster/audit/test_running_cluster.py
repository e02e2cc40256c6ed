"""posada audit, as an operator runs it: against a running cluster, by a role that may only read, live and spoiled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner

from chaos.run import SERVICE_SETTINGS, Storm, Wish, run
from deploy.local.processes.waiting import wait_until
from posada.cluster.cluster import LocalCluster
from posada.main import make_app
from posada.problems import Exit
from shared.contracts.topics import BOOKING_EVENTS, SERVICES
from shared.database.pool import Database
from shared.outbox.outbox import add
from shared.outbox.row import Row
from tests.support.cluster.not_durable import not_durable_cluster
from tests.support.scale import scaled

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
READER = "auditor"
# Money is given up for lost sooner than in a storm; those who pay late do so within twelve seconds.
BRISK = SERVICE_SETTINGS | {"payments": SERVICE_SETTINGS["payments"] | {"POSADA_RETRY_INTERVALS": "[2, 2]"}}
_CONFIRMED = "SELECT id FROM bookings WHERE status = 'CONFIRMED' ORDER BY id LIMIT 1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    folder = tmp_path_factory.mktemp("audited")
    with not_durable_cluster(folder, service_env=BRISK, database_prefix="audited_") as cluster:
        yield cluster
        for one in cluster.services:
            one.process.stop()
        if cluster.backends.where == "given":
            cluster.drop_databases()


@pytest.fixture(scope="module")
def day(cluster: LocalCluster) -> Storm:
    """A day without a storm: guests of every manner, and nothing struck."""
    return asyncio.run(run(cluster, Wish(seed=11, bookings=80, seconds=10, faults=0), lambda _: None))


def audited(*words: str) -> tuple[int, Any]:
    """The exit code and what the command says as JSON."""
    answer = CliRunner().invoke(make_app("audit"), ["audit", "--json", *words])
    assert answer.stdout, f"it ended with {answer.exit_code}: {answer.output} {answer.exception!r}"
    return answer.exit_code, json.loads(answer.stdout)


async def execute(url: str, sql: str, *values: Any) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


def test_a_day_of_every_manner_has_no_findings(day: Storm) -> None:
    assert day.wrong == []
    assert day.gateway is not None
    kinds = day.gateway.kinds(guest.request_id for guest in day.guests)
    assert sum(kinds.values()) == 80
    assert kinds["confirmed"] > 30
    assert len(kinds) > 2


def test_the_command_finds_the_running_cluster(cluster: LocalCluster, day: Storm) -> None:
    code, said = audited("--data", str(cluster.data_dir))

    assert code == Exit.DONE
    assert said["clean"] is True
    assert said["bookings"] == 80
    assert len(said["invariants"]) > 25


def test_a_role_that_may_only_read_does_and_cannot_write(cluster: LocalCluster, day: Storm) -> None:
    admin = cluster.backends.postgres.admin_url

    async def reader() -> list[str]:
        words: list[str] = []
        await execute(admin, f"CREATE ROLE {READER} LOGIN PASSWORD 'reader' IN ROLE pg_read_all_data")
        for service in SERVICES:
            database = urlsplit(cluster.database_url(service)).path[1:]
            await execute(admin, f'GRANT CONNECT ON DATABASE "{database}" TO {READER}')
            address = urlsplit(cluster.database_url(service))
            words += [
                "--database",
                f"{service}=postgresql://{READER}:reader@{address.netloc.rpartition('@')[2]}/{database}",
            ]
        return words

    words = asyncio.run(reader())
    try:
        code, said = audited("--bootstrap", cluster.kafka_bootstrap, "--data", "/nowhere", *words)
        assert (code, said["bookings"]) == (Exit.DONE, 80)
        url = words[1].partition("=")[2]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asyncio.run(execute(url, "DELETE FROM room_nights RETURNING 1"))
    finally:
        for service in SERVICES:
            database = urlsplit(cluster.database_url(service)).path[1:]
            asyncio.run(execute(admin, f'REVOKE CONNECT ON DATABASE "{database}" FROM {READER}'))
        asyncio.run(execute(admin, f"DROP ROLE {READER}"))


def test_what_is_spoiled_is_named_with_exit_code_1(cluster: LocalCluster, day: Storm) -> None:
    booking = asyncio.run(execute(cluster.database_url("booking"), _CONFIRMED))
    known = cluster.database_url("conversations")
    row = asyncio.run(execute(known, "SELECT row_to_json(bookings)::text FROM bookings WHERE id = $1", booking))
    asyncio.run(execute(known, "DELETE FROM bookings WHERE id = $1", booking))
    try:
        code, said = audited("--data", str(cluster.data_dir), "--grace", "0.2")
        shown = CliRunner().invoke(make_app("audit"), ["audit", "--data", str(cluster.data_dir), "--grace", "0.2"])
    finally:
        back = "INSERT INTO bookings SELECT * FROM json_populate_record(NULL::bookings, $1::json)"
        asyncio.run(execute(known, back, row))

    assert code == shown.exit_code == Exit.NO
    (finding,) = [finding for one in said["invariants"] for finding in one["findings"]]
    assert (finding["invariant"], finding["subject"]) == ("conversation-knows", str(booking))
    assert str(booking) in shown.stdout
    assert f"posada status {booking}" in shown.stdout


def test_what_nobody_owns_is_given_back(cluster: LocalCluster, day: Storm) -> None:
    rooms = cluster.database_url("availability")
    stranger = asyncio.run(
        execute(
            rooms,
            "INSERT INTO holds SELECT gen_random_uuid(), property_id, 'held', check_in + 900, check_out + 900, rooms,"
            " now() + interval '1 hour', NULL, answer, '{}', now() FROM holds WHERE state = 'booked' LIMIT 1"
            " RETURNING booking_id",
        )
    )
    nights = """INSERT INTO room_nights SELECT property_id, room, night, booking_id
FROM holds, unnest(rooms) AS room, generate_series(check_in, check_out - 1, interval '1 day') AS night
WHERE booking_id = $1"""
    asyncio.run(execute(rooms, nights, stranger))
    owed = asyncio.run(
        execute(
            cluster.database_url("payments"),
            "UPDATE payment_requests SET status = 'waiting', next_attempt_at = now() + interval '1 day'"
            " WHERE booking_id = (SELECT booking_id FROM payment_requests WHERE status = 'refused' LIMIT 1)"
            " RETURNING booking_id",
        )
    )

    before, said = audited("--data", str(cluster.data_dir), "--grace", "0.2")
    after = CliRunner().invoke(make_app("audit"), ["audit", "--mend", "--data", str(cluster.data_dir), "--grace", "2"])

    found = {(finding["invariant"], finding["subject"]) for one in said["invariants"] for finding in one["findings"]}
    assert (before, after.exit_code) == (Exit.NO, Exit.DONE), after.output
    assert found == {("rooms-have-an-owner", str(stranger)), ("ended-has-no-money", str(owed))}
    assert f"release-rooms.v1 for {stranger}" in after.output
    assert f"release-payment.v1 for {owed}" in after.output


def test_what_a_stopped_service_left_is_sent_when_it_serves_again(cluster: LocalCluster, day: Storm) -> None:
    async def leave_an_outcome_unsent() -> str:
        """A confirmation once more, as if it had never been sent."""
        consumer = AIOKafkaConsumer(bootstrap_servers=cluster.kafka_bootstrap, enable_auto_commit=False)
        await consumer.start()
        partitions = [TopicPartition(BOOKING_EVENTS.name, number) for number in range(BOOKING_EVENTS.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        record = await consumer.getone()
        await consumer.stop()
        row = Row(uuid4(), record.topic, record.key.decode(), list(record.headers), record.value)
        database = Database(cluster.database_url("booking"))
        await database.open()
        async with database.connection() as connection:
            await add(connection, [row], datetime.now(UTC) - timedelta(minutes=3))
        await database.close()
        return str(row.id)

    cluster.stop_service("booking")
    try:
        left = asyncio.run(leave_an_outcome_unsent())
        code, said = audited("--data", str(cluster.data_dir), "--grace", "0.2")
    finally:
        cluster.start_service("booking")  # which is `posada serve booking`

    findings = [finding for one in said["invariants"] for finding in one["findings"]]
    assert code == Exit.NO
    assert [(one["invariant"], one["subject"], one["remedy"]) for one in findings] == [
        ("sent-by-booking", left, "posada serve booking")
    ]
    gone = "SELECT count(*) FROM outbox WHERE due_at < now()"
    assert wait_until(lambda: asyncio.run(execute(cluster.database_url("booking"), gone)) == 0, 60)
    assert audited("--data", str(cluster.data_dir))[0] == Exit.DONE


def test_the_command_that_is_named_for_money_names_the_payment(cluster: LocalCluster, day: Storm) -> None:
    money = cluster.database_url("payments")
    spoil = "UPDATE payments SET amount = amount + 1 WHERE id = (SELECT id FROM payments WHERE captured > 0 LIMIT 1)"
    payment = asyncio.run(execute(money, f"{spoil} RETURNING id"))
    try:
        code, said = audited("--data", str(cluster.data_dir), "--grace", "0.2")
        (remedy,) = {one["remedy"] for rule in said["invariants"] for one in rule["findings"]}
        own = CliRunner().invoke(make_app("payments"), [*remedy.split()[1:], "--data", str(cluster.data_dir)])
    finally:
        asyncio.run(execute(money, "UPDATE payments SET amount = amount - 1 WHERE id = $1", payment))

    assert (code, own.exit_code) == (Exit.NO, Exit.NO), own.output
    assert str(payment) in own.output


@pytest.mark.long
async def test_while_bookings_are_made_nothing_is_wrong(cluster: LocalCluster, day: Storm) -> None:
    """The last one here, since it books more. What is on its way at the first look must not be held against anybody."""
    wish = Wish(seed=12, bookings=scaled(450, part=150), seconds=scaled(20, part=7), faults=0)
    going_on = asyncio.create_task(run(cluster, wish, lambda _: None))
    audits: list[Any] = []
    moving: list[int] = []
    while not going_on.done():
        moving.append(
            await execute(cluster.database_url("booking"), "SELECT count(*) FROM sagas WHERE phase <> 'ended'")
        )
        audits.append(await asyncio.to_thread(audited, "--data", str(cluster.data_dir), "--grace", "3"))
    storm = await going_on

    assert storm.wrong == []
    assert [said for code, said in audits if code != Exit.DONE] == []
    assert max(moving) > 0, "nothing was in flight while it was audited"
    assert sum(said["passed_over"] for _, said in audits) > 0, "no first look saw anything on its way"
