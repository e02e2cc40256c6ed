"""Kafka and PostgreSQL start together, serve the services, and leave nothing running."""

import os
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local.choice import Backends, choose_backends
from deploy.local.kafka.probe import kafka_answers
from deploy.local.processes.process import BackendFailed
from deploy.local.processes.waiting import wait_until

pytestmark = pytest.mark.real
SERVICES = ["booking", "payments"]


def running_in(folder: Path) -> list[str]:
    """The programs whose data stand below `folder`, by their working directory; other tests' servers are not ours."""
    found = psutil.process_iter(["name", "cwd"])
    return [program.info["name"] for program in found if str(folder) in (program.info["cwd"] or "")]


async def use(parts: Backends) -> None:
    parts.prepare_databases(SERVICES, prefix="t1_")
    connection = await asyncpg.connect(parts.database_url("booking"))
    assert await connection.fetchval("SELECT current_database() || current_user") == "t1_bookingt1_booking"
    await connection.close()
    assert kafka_answers(parts.kafka_bootstrap)
    url = parts.database_url("payments")
    parts.drop_databases()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


async def test_embedded_parts_start_together_and_end(folder: Path) -> None:
    said: list[str] = []

    with choose_backends(folder, {"POSADA_PARTS": "embedded"}, said.append) as parts:
        await use(parts)
        addresses = {
            "POSADA_KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
            "POSADA_POSTGRES_ADMIN_URL": parts.postgres.admin_url,
        }
        with choose_backends(folder / "given", addresses) as given:
            await use(given)
        assert kafka_answers(parts.kafka_bootstrap)
        assert {"java", "postgres"} <= set(running_in(folder))

    assert running_in(folder) == []
    assert "starting Kafka 4.3.0" in said
    assert "starting PostgreSQL 18.4" in said


def test_when_one_does_not_start_the_other_is_stopped(folder: Path) -> None:
    parts = choose_backends(folder, {"POSADA_PARTS": "embedded"})
    (folder / "kafka" / "log").mkdir(parents=True)  # looks formatted, and is not

    with pytest.raises(BackendFailed, match="Kafka ended with code 1"):
        parts.start()

    assert running_in(folder) == []


@pytest.mark.skipif(os.environ.get("POSADA_PARTS") != "docker", reason="POSADA_PARTS=docker asks for it")
async def test_docker_s_parts_serve_and_come_back_after_a_kill(folder: Path) -> None:
    from deploy.local.docker import DockerKafka, DockerPostgres  # noqa: PLC0415  # slow, and rarely wanted

    with choose_backends(folder, os.environ) as parts:
        await use(parts)
        addresses = parts.kafka_bootstrap, parts.postgres.admin_url
        for part in (parts.kafka, parts.postgres):
            assert isinstance(part, DockerKafka | DockerPostgres)
            part.kill()
            assert not part.alive
            part.start()
            part.freeze()
            assert part.alive
            assert not part.answers()
            part.thaw()
            assert wait_until(part.answers, 30)
        assert (parts.kafka_bootstrap, parts.postgres.admin_url) == addresses
        await use(parts)
