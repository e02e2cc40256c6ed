"""compose.yaml for real: bookings go through, a service scaled to three loses a copy, and the books are right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import SERVICES
from tests.deploy.conftest import Letters
from tests.support.builders.cluster_requests import fresh_night, many, money_for, request
from tests.support.cluster.compose_stack import Composed, demand_containers, run
from tests.support.cluster.gateway import REQUESTS, Gateway, rows, wait_for
from tests.support.oracle import until_at_rest

pytestmark = [pytest.mark.real, pytest.mark.containers, pytest.mark.timeout(1500)]

COPIES = 3
CROWD = 60
PATIENCE_S = 120.0  # a copy that was killed is missed after its session's ten seconds, and machines may be slow


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, letters: tuple[Letters, int]) -> Iterator[Composed]:
    """The five services with Kafka and PostgreSQL, started once and removed in any case."""
    demand_containers()
    mail = {"POSADA_SMTP_HOST": "host.docker.internal", "POSADA_SMTP_PORT": str(letters[1])}
    composed = Composed(tmp_path_factory.mktemp("compose"), mail)
    try:
        composed.build()
        composed.up(*SERVICES)
        yield composed
    finally:
        composed.down()


@pytest.fixture
async def gateway(system: Composed) -> AsyncIterator[Gateway]:
    """A client on this machine that hears every booking event."""
    async with Gateway(system) as client:  # type: ignore[arg-type]  # as far as a gateway knows, a local cluster
        yield client


async def members(system: Composed, group: str) -> int:
    """How many instances the broker believes to be in a group."""
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka_bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        return len(answer.groups[0][5])
    finally:
        await admin.close()


async def test_a_booking_goes_through_and_the_guest_has_one_letter(
    system: Composed, gateway: Gateway, letters: tuple[Letters, int]
) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])
    outcome = await gateway.book(wanted)

    assert outcome.kind == "confirmed", outcome.body
    assert len({room["room"] for room in outcome.body["rooms"]}) == 3
    await until_at_rest(system, PATIENCE_S)  # type: ignore[arg-type]
    guest = wanted["guest"]["email"]
    await wait_for(lambda: letters[0].to[guest] > 0, what="the guest's letter", timeout_s=PATIENCE_S)
    assert letters[0].to[guest] == 1


def test_the_command_line_in_a_container_follows_a_booking(system: Composed) -> None:
    told = system.compose("run", "--rm", "--no-deps", "-T", "cli", "request", "--example", "--with-transfer")
    assert "confirmed" in told


def test_the_doctor_and_the_auditor_in_a_container_find_everything(system: Composed) -> None:
    looked = json.loads(system.compose("run", "--rm", "--no-deps", "-T", "cli", "doctor", "booking", "--json"))
    fine = {(one["about"], one["text"]) for one in looked["findings"]}
    assert {("database of booking", "answers, and lets the role in"), ("settings of booking", "are complete")} <= fine
    found = json.loads(system.compose("run", "--rm", "--no-deps", "-T", "cli", "audit", "--json"))
    assert (found["clean"], found["bookings"] > 0) == (True, True)


def test_containers_have_no_rights_and_nothing_to_build_with(system: Composed) -> None:
    for service in SERVICES:
        [copy] = system.copies(service)
        assert copy["Config"]["User"] == "10001:10001"
        assert copy["HostConfig"]["ReadonlyRootfs"] is True
        assert copy["HostConfig"]["CapDrop"] == ["ALL"]
        assert copy["State"]["Health"]["Status"] == "healthy"
        assert copy["Config"]["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    look = "for tool in pip pip3 uv gcc cc make git; do command -v $tool; done; python -m pip; touch /opt/posada/x"
    found = run(
        *("docker", "run", "--rm", "--entrypoint", "sh", system.environment["POSADA_IMAGE"], "-c", look), timeout_s=60
    )
    assert found.stdout == ""
    assert "No module named pip" in found.stderr
    assert "Permission denied" in found.stderr


def test_the_preparing_steps_may_run_again(system: Composed) -> None:
    told = system.compose("run", "--rm", "-T", "migrate")
    assert told.count("at its newest schema") == len(SERVICES)
    assert "planted" not in told
    assert "created 0 of" in system.compose("run", "--rm", "-T", "topics")


async def test_a_step_that_hangs_ends_when_it_is_told_to(system: Composed) -> None:
    system.compose("pause", "postgres")
    try:
        step = system.compose("run", "--detach", "--no-deps", "migrate").split()[-1]

        def waits_for_postgres() -> bool:
            return f":{5432:04X} " in run("docker", "exec", step, "cat", "/proc/net/tcp").stdout

        await wait_for(waits_for_postgres, what="the step to reach PostgreSQL", timeout_s=PATIENCE_S)
        run("docker", "stop", "--time", "30", step, timeout_s=60)
        told = run("docker", "inspect", "--format", "{{.State.ExitCode}}", step)
        run("docker", "rm", "--force", step)
        assert told.stdout.strip() == "130"  # 137 where it had to be killed
    finally:
        system.compose("unpause", "postgres")

    def healthy() -> bool:
        [postgres] = system.copies("postgres")
        return bool(postgres["State"]["Health"]["Status"] == "healthy")

    # Docker calls what is paused unhealthy, and does so until its next look.
    await wait_for(healthy, what="PostgreSQL's health", timeout_s=PATIENCE_S)


async def test_one_database_can_take_all_services(system: Composed) -> None:
    one = {"POSADA_ONE_DATABASE": "together"}
    told = system.compose("run", "--rm", "-T", "migrate", env=one)
    assert told.count("at its newest schema") == len(SERVICES)
    tables = system.compose(
        *("exec", "-T", "postgres", "psql", "-U", "postgres", "-At", "-d", "together", "-c"),
        "SELECT DISTINCT schemaname || ' ' || tableowner FROM pg_tables WHERE tablename = 'outbox'",
    )
    assert set(tables.split("\n")) - {""} == {f"{service} {service}_owner" for service in SERVICES}
    for service in SERVICES:  # by the service's own role
        connection = await asyncpg.connect(f"{system.database_url(service).rpartition('/')[0]}/together")
        try:
            assert await connection.fetchval("SELECT count(*) FROM inbox") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("ALTER TABLE inbox ADD n int")
        finally:
            await connection.close()


async def test_three_copies_share_the_work_and_one_that_is_killed_loses_nothing(
    system: Composed, gateway: Gateway, letters: tuple[Letters, int]
) -> None:
    system.up("--no-recreate", "--scale", f"booking={COPIES}", "booking")

    async def complete() -> bool:
        return await members(system, "posada-booking") == COPIES

    await wait_for(complete, what="three members of the group", timeout_s=PATIENCE_S)
    crowd = many(CROWD)
    names = [wanted["request_id"] for wanted in crowd]
    await gateway.pay([money_for(wanted) for wanted in crowd])
    for wanted in crowd:
        await gateway.publish(REQUESTS, wanted)
        if wanted is crowd[CROWD // 3]:
            victim = system.copies("booking")[1]["Id"]
            assert run("docker", "kill", "--signal", "KILL", victim).returncode == 0

    outcomes = await gateway.outcomes(names, PATIENCE_S)

    assert {outcome.kind for outcome in outcomes} == {"confirmed"}
    await until_at_rest(system, PATIENCE_S)  # type: ignore[arg-type]
    nights = "SELECT count(*) FROM room_nights WHERE booking_id = ANY($1)"
    [[sold]] = await rows(system, "availability", nights, [outcome.body["booking_id"] for outcome in outcomes])  # type: ignore[arg-type]
    assert sold == 3 * CROWD
    guests = [wanted["guest"]["email"] for wanted in crowd]

    def all_told() -> bool:
        return all(letters[0].to[guest] for guest in guests)

    await wait_for(all_told, what="a letter for each guest", timeout_s=PATIENCE_S)
    assert {letters[0].to[guest] for guest in guests} == {1}


async def test_a_stop_under_load_is_graceful(system: Composed, gateway: Gateway) -> None:
    system.up("--no-recreate", "--scale", f"booking={COPIES}", "booking")
    crowd = many(CROWD)
    await gateway.pay([money_for(wanted) for wanted in crowd])
    before = await members(system, "posada-booking")
    await asyncio.gather(*[gateway.publish(REQUESTS, wanted) for wanted in crowd])

    leaver = system.copies("booking")[0]["Id"]
    await asyncio.to_thread(run, "docker", "stop", "--time", "30", leaver)

    [state] = [copy["State"] for copy in system.copies("booking") if copy["Id"] == leaver]
    assert (state["ExitCode"], state["Status"]) == (0, "exited")  # 137 where it had to be killed
    # Who does not say good-bye is missed for ten seconds: this one is gone already.
    assert await members(system, "posada-booking") == before - 1
    outcomes = await gateway.outcomes([wanted["request_id"] for wanted in crowd], PATIENCE_S)
    assert {outcome.kind for outcome in outcomes} == {"confirmed"}
    await until_at_rest(system, PATIENCE_S)  # type: ignore[arg-type]


async def test_a_stop_ends_though_the_database_is_away(system: Composed, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    await gateway.pay([money_for(wanted)])
    system.compose("stop", "postgres")
    await gateway.publish(REQUESTS, wanted)
    copies = [copy["Id"] for copy in system.copies("booking")]

    await asyncio.to_thread(run, "docker", "stop", "--time", "30", *copies, timeout_s=120)

    assert {copy["State"]["ExitCode"] for copy in system.copies("booking")} == {0}
    system.up(*SERVICES)
    assert (await gateway.outcome(wanted["request_id"], PATIENCE_S)).kind == "confirmed"
