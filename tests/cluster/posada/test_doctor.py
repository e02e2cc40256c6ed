"""posada doctor: what it finds on real parts, well and broken, and what it says of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.choice import Backends
from posada.cli.operate.doctor import line_of
from posada.doctor import databases, kafka, surroundings
from posada.doctor.clocks import skew
from posada.doctor.findings import Finding, State
from posada.main import run
from shared.contracts.topics import ALL_TOPICS, BOOKING_EVENTS, SERVICES
from shared.kafka.topic_admin import create_topics
from tests.support.servers.databases import FreshDatabase, as_service

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOBODY = "127.0.0.1:1"


async def found_at(service: str, url: str) -> dict[str, Finding]:
    return {finding.text: finding async for finding in databases.look_at(service, url)}


async def execute(url: str, statement: str, *given: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *given)
    finally:
        await connection.close()


def states(findings: dict[str, Finding]) -> set[State]:
    return {finding.state for finding in findings.values()}


class TestClocks:
    @pytest.mark.parametrize(
        ("off", "state", "side"),
        [
            (0, State.FINE, "agrees"),
            (1, State.FINE, "agrees"),
            (5, State.WORTH_A_LOOK, "ahead"),
            (-5, State.WORTH_A_LOOK, "behind"),
            (60, State.BROKEN, "ahead"),
            (-60, State.BROKEN, "behind"),
        ],
    )
    def test_a_clock_is_judged_by_how_far_it_is_off(self, off: int, state: State, side: str) -> None:
        found = skew("a", NOW + timedelta(seconds=off), NOW, NOW + timedelta(milliseconds=10))
        assert (found.state, side in found.text) == (state, True)

    def test_a_slow_answer_is_no_skew(self) -> None:
        assert skew("a", NOW + timedelta(seconds=30), NOW, NOW + timedelta(seconds=60)).state is State.FINE


@pytest.mark.real
class TestDatabases:
    @pytest.mark.parametrize("service", SERVICES)
    async def test_a_good_one_is_fine_and_its_owner_is_not_for_services(
        self, service: str, fresh_database: FreshDatabase, parts: Backends
    ) -> None:
        url = fresh_database(service)
        found = await found_at(service, as_service(url, parts.postgres))
        assert states(found) == {State.FINE}
        assert any("the newest" in text for text in found)
        assert "its role owns the tables, and could undo their constraints" in await found_at(service, url)

    async def test_a_schema_that_is_behind_or_not_there_names_the_command(self, fresh_database: FreshDatabase) -> None:
        url = fresh_database("payments")
        for statement, said in (
            ("UPDATE alembic_version SET version_num = '0000'", "its schema is 0000"),
            ("DROP TABLE alembic_version", "has no schema"),
        ):
            connection = await asyncpg.connect(url)
            await connection.execute(statement)
            await connection.close()
            (finding,) = [one for text, one in (await found_at("payments", url)).items() if text.startswith(said)]
            assert (finding.state, finding.remedy) == (State.BROKEN, "run `posada migrate payments`")

    @pytest.mark.parametrize(
        ("table", "said"),
        [("alembic_version", "the role may not read its tables"), ("inbox", "its role may not work with inbox")],
    )
    async def test_tables_that_are_closed_to_the_role_are_broken_and_the_rest_is_told(
        self, fresh_database: FreshDatabase, parts: Backends, table: str, said: str
    ) -> None:
        """As after a restore by an administrator: the tables have come without their rights."""
        url = fresh_database("booking")
        service = as_service(url, parts.postgres)
        role = str(urlsplit(service).username)
        await execute(url, f'REVOKE ALL ON {table} FROM "{role}"')
        found = await found_at("booking", service)
        assert (found[said].state, "databases.sh" in found[said].remedy) == (State.BROKEN, True)
        assert any("clock" in text for text in found)

    async def test_a_role_that_may_become_the_owner_is_worth_a_look(
        self, fresh_database: FreshDatabase, parts: Backends
    ) -> None:
        url = fresh_database("booking")
        service = as_service(url, parts.postgres)
        member, owner = urlsplit(service).username, urlsplit(url).username
        await execute(parts.postgres.admin_url, f'GRANT "{owner}" TO "{member}"')
        try:
            found = await found_at("booking", service)
            assert "its role owns the tables, and could undo their constraints" in found
        finally:  # the roles are of all copies of this database
            await execute(parts.postgres.admin_url, f'REVOKE "{owner}" FROM "{member}"')

    async def test_a_connection_that_is_lost_amid_the_look_is_a_finding(
        self, fresh_database: FreshDatabase, parts: Backends
    ) -> None:
        url = fresh_database("booking")
        found = []
        async for finding in databases.look_at("booking", url):
            found.append(finding)
            if len(found) == 1:
                ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
                await execute(parts.postgres.admin_url, ended, urlsplit(url).username)
        assert found[-1].state is State.BROKEN
        assert "could not be looked at to the end" in found[-1].text

    async def test_credentials_and_addresses_that_are_wrong_name_the_variable(
        self, fresh_database: FreshDatabase
    ) -> None:
        good = fresh_database("booking")
        role = good.split("://")[1].split(":")[0]
        for url in (good.replace(f"{role}:", f"{role}:x", 1), f"postgresql://a:b@{NOBODY}/x", "postgresql://[bad/x"):
            (finding,) = (await found_at("booking", url)).values()
            assert finding.state is State.BROKEN
            assert "POSADA_BOOKING_DATABASE_URL" in finding.remedy
            assert "x@" not in finding.text

    async def test_an_administrators_role_is_too_much(self, fresh_database: FreshDatabase, parts: Backends) -> None:
        fresh_database("booking")
        found = await found_at("booking", parts.postgres.admin_url)
        assert "its role administers the server" in found

    async def test_tls_that_is_asked_for_is_insisted_on(self, fresh_database: FreshDatabase) -> None:
        """The server of the tests has no TLS: an address that wants it must not be spoken to without."""
        url = fresh_database("booking")
        mark = "&" if "?" in url else "?"
        (finding,) = (await found_at("booking", f"{url}{mark}sslmode=require")).values()
        assert finding.state is State.BROKEN
        assert "SSL" in finding.text

    @pytest.mark.parametrize(
        ("host", "near"), [(None, True), ("localhost", True), ("127.0.0.1", True), ("::1", True), ("db", False)]
    )
    def test_only_this_machine_needs_no_tls(self, host: str | None, near: bool) -> None:
        assert databases.is_near(host) is near


def told(**changes: Any) -> Iterator[Finding]:
    """What is said when one topic differs."""
    topics = [
        {"topic": one.name, "error_code": 0, "partitions": [{"replicas": [1]}] * one.partitions} for one in ALL_TOPICS
    ]
    settings = {one.name: one.settings() for one in ALL_TOPICS}
    for one in topics:
        if one["topic"] == BOOKING_EVENTS.name:
            one |= {name: value for name, value in changes.items() if name in one}
    settings[BOOKING_EVENTS.name] |= changes.get("settings", {})
    return kafka.judged(topics, settings, changes.get("brokers", 1))


class TestTopics:
    def test_all_as_declared_is_one_line(self) -> None:
        (finding,) = told()
        assert (finding.state, f"all {len(ALL_TOPICS)} topics" in finding.text) == (State.FINE, True)
        (more,) = told(partitions=[{"replicas": [1]}] * 8)
        assert more.state is State.FINE

    @pytest.mark.parametrize(
        ("changes", "state", "said", "remedy"),
        [
            ({"error_code": 3}, State.BROKEN, "is not there", "posada topics"),
            ({"partitions": [{"replicas": [1]}]}, State.WORTH_A_LOOK, "has 1 partitions", "--partitions 4"),
            ({"settings": {"retention.ms": "1"}}, State.WORTH_A_LOOK, "retention.ms=1", "retention.ms=2592000000"),
        ],
    )
    def test_one_that_differs_is_named_with_the_command(
        self, changes: dict[str, Any], state: State, said: str, remedy: str
    ) -> None:
        (finding,) = told(**changes)
        assert finding.about == f"topic {BOOKING_EVENTS.name}"
        assert (finding.state, said in finding.text, remedy in finding.remedy) == (state, True, True)

    def test_one_copy_on_three_brokers_is_too_few(self) -> None:
        found = list(told(brokers=3))
        assert len(found) == len(ALL_TOPICS)
        assert "--replication 3" in found[0].remedy


class TestSurroundings:
    def test_settings_that_contradict_themselves_are_told_in_a_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POSADA_WATI_TOKEN", "a-secret")
        settings, finding = surroundings.settings_of("notifications")
        assert (settings, finding.state) == (None, State.BROKEN)
        assert "POSADA_WATI_URL" in finding.remedy
        assert "a-secret" not in finding.remedy + finding.text

    def test_a_provider_is_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            monkeypatch.setenv("POSADA_WATI_TOKEN", "t")
            monkeypatch.setenv("POSADA_API_TOKEN", "t" * 32)
            for url, state in (
                (f"http://127.0.0.1:{server.getsockname()[1]}/1", State.FINE),
                (f"http://{NOBODY}", State.BROKEN),
            ):
                monkeypatch.setenv("POSADA_WATI_URL", url)
                settings, finding = surroundings.settings_of("notifications")
                assert finding.state is State.FINE
                (reached,) = surroundings.providers("notifications", settings)
                assert (reached.about, reached.state) == ("WATI for notifications", state)

    def test_no_provider_at_all_is_worth_a_word(self) -> None:
        settings, _ = surroundings.settings_of("notifications")
        (finding,) = surroundings.providers("notifications", settings)
        assert (finding.state, "local outbox" in finding.text) == (State.WORTH_A_LOOK, True)

    def test_a_folder_of_bank_files(self, tmp_path: Path) -> None:
        assert surroundings.readable(tmp_path).state is State.FINE
        assert surroundings.readable(tmp_path / "none").state is State.BROKEN

    def test_a_disk_is_looked_at_where_the_data_will_be(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for free, state in ((50, State.FINE), (5, State.WORTH_A_LOOK), (0.5, State.BROKEN)):
            usage = shutil_usage(100, free)
            monkeypatch.setattr(surroundings.shutil, "disk_usage", lambda _, usage=usage: usage)
            finding = surroundings.disk(tmp_path / "not" / "yet")
            assert (finding.state, str(tmp_path) in finding.about) == (state, True)


def shutil_usage(total: float, free: float) -> Any:

    return shutil._ntuple_diskusage(total * 2**30, (total - free) * 2**30, free * 2**30)


@pytest.fixture
def house(kafka_bootstrap: str, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSADA_KAFKA_BOOTSTRAP", kafka_bootstrap)
    monkeypatch.setenv("POSADA_API_TOKEN", "t" * 32)
    for service in SERVICES:
        monkeypatch.setenv(f"POSADA_{service.upper()}_DATABASE_URL", fresh_database(service))
    return tmp_path


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        run(["doctor", *words])
    return int(ended.value.code or 0), capsys.readouterr().out


@pytest.mark.real
class TestTheCommand:
    async def test_a_house_that_is_well_and_one_without_a_topic(
        self, house: Path, kafka_bootstrap: str, capsys: pytest.CaptureFixture[str]
    ) -> None:

        await create_topics(kafka_bootstrap, ALL_TOPICS)
        code, text = await asyncio.to_thread(doctor, capsys)
        assert (code, "0 broken" in text) == (0, True), text
        assert f"has all {len(ALL_TOPICS)} topics" in text
        assert "Kafka: its clock agrees" in text
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        await admin.start()
        try:
            assert not [name for name in await admin.list_topics() if "doctor" in name]
            await admin.delete_topics([BOOKING_EVENTS.name])
            while BOOKING_EVENTS.name in await admin.list_topics():  # noqa: ASYNC110 — nobody tells of it
                await asyncio.sleep(0.05)
            code, text = await asyncio.to_thread(doctor, capsys, "--json")
        finally:
            await admin.create_topics([NewTopic(BOOKING_EVENTS.name, 4, 1, topic_configs=BOOKING_EVENTS.settings())])
            await admin.close()
        said = json.loads(text)
        (missing,) = [one for one in said["findings"] if one["state"] == "broken"]
        assert (code, said["broken"], missing["about"]) == (1, 1, f"topic {BOOKING_EVENTS.name}")

    def test_where_nothing_is_there_every_line_has_a_remedy(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("POSADA_KAFKA_BOOTSTRAP", NOBODY)
        monkeypatch.setenv("POSADA_BOOKING_DATABASE_URL", f"postgresql://a:b@{NOBODY}/x")
        monkeypatch.setenv("POSADA_BOOKING_URL", f"http://{NOBODY}")
        code, text = doctor(capsys, "booking", "--json")
        wrong = [one for one in json.loads(text)["findings"] if one["state"] != "fine"]
        assert code == 1
        assert {one["about"] for one in wrong} >= {"Kafka", "database of booking", f"booking at http://{NOBODY}"}
        assert all(one["remedy"] for one in wrong)


def test_a_line_says_all() -> None:
    line = line_of(Finding("Kafka", State.BROKEN, "is away", "start it"))
    assert line.plain == "✘ Kafka: is away: start it"
