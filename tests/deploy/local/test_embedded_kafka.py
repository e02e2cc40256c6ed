"""The embedded Kafka keeps what it acknowledged, and says clearly why it doesn't start."""

import stat
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.kafka.server import EmbeddedKafka
from deploy.local.processes.process import AlreadyRunning, BackendFailed

pytestmark = pytest.mark.real


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def consume(bootstrap: str, topic: str, count: int, group: str | None = None) -> set[bytes]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        enable_auto_commit=False,
    )
    async with consumer:
        values = {(await consumer.getone()).value for _ in range(count)}
        if group is not None:
            await consumer.commit()
    return values


async def test_a_group_gets_what_was_produced(kafka: EmbeddedKafka) -> None:
    await create_topic(kafka.bootstrap, "stays")

    await produce(kafka.bootstrap, "stays", b"one", b"two")

    assert await consume(kafka.bootstrap, "stays", 2, group="guests") == {b"one", b"two"}


def test_other_users_of_the_machine_do_not_read_what_is_kept(kafka: EmbeddedKafka) -> None:
    assert stat.S_IMODE((kafka.log_file.parent / "log").stat().st_mode) == 0o700


async def test_topics_are_not_made_by_accident(kafka: EmbeddedKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        (topic,) = await admin.describe_topics(["never_declared"])
        assert topic["error_code"] != 0
        assert "never_declared" not in await admin.list_topics()
    finally:
        await admin.close()


def test_a_second_start_on_the_same_folder_is_refused(kafka: EmbeddedKafka) -> None:
    with pytest.raises(AlreadyRunning, match=f"already runs as process {kafka.process.pid}"):
        EmbeddedKafka(kafka.log_file.parent).start()

    assert kafka.process.alive


async def test_what_was_acknowledged_survives_kill_and_stop(kafka: EmbeddedKafka) -> None:
    bootstrap = kafka.bootstrap
    await create_topic(bootstrap, "nights")
    await produce(bootstrap, "nights", b"before the kill", b"read before the kill")
    await consume(bootstrap, "nights", 2, group="night porters")

    kafka.kill()
    assert not kafka.process.alive
    kafka.start()
    assert kafka.bootstrap == bootstrap
    await produce(bootstrap, "nights", b"before the stop")
    assert await consume(bootstrap, "nights", 1, group="night porters") == {b"before the stop"}

    kafka.stop()
    again = EmbeddedKafka(kafka.log_file.parent)
    with again:
        assert again.bootstrap == bootstrap
        values = await consume(bootstrap, "nights", 3)
    assert values == {b"before the kill", b"read before the kill", b"before the stop"}


def test_a_java_that_fails_is_reported_with_its_last_words(folder: Path, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'Could not reserve enough space' >&2\nexit 1\n")
    java.chmod(0o755)

    with pytest.raises(BackendFailed, match=r"StorageTool ended with code 1[\s\S]*kafka\.log[\s\S]*Could not reserve"):
        EmbeddedKafka(folder, java=java).start()

    assert not (folder / "log").exists()


def test_a_java_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(BackendFailed, match="cannot run /nowhere/java"):
        EmbeddedKafka(folder, java=Path("/nowhere/java")).start()


def test_it_has_no_address_before_it_is_started(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = EmbeddedKafka(folder).bootstrap
