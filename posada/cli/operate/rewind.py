"""posada rewind: has a service read its topics again from a moment on, after its database was restored to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from importlib import import_module
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaConnectionError, UnknownMemberIdError
from aiokafka.structs import OffsetAndMetadata

from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of, known_service
from posada.client.booking_events import nobody_at, partitions_of
from posada.cluster.lag import members
from posada.output import out, print_json
from posada.problems import Exit, Problem
from shared.kafka.access import from_environment
from shared.kafka.consumers import consumer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rewind)


def rewind(
    service: Annotated[str, typer.Argument(help="The service, e.g. payments.", callback=known_service)],
    since: Annotated[
        datetime, typer.Option("--since", help="The moment, in UTC: some minutes before the backup was begun.")
    ],
    *,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Have a service read again what its topics carried since then; what its database knows takes no effect twice.

    Every copy of the service must be stopped. Kafka gives what it still keeps: seven days of most topics.
    """
    address = bootstrap_of(data, bootstrap)
    moment = since if since.tzinfo else since.replace(tzinfo=UTC)
    try:
        again = asyncio.run(_rewind(address, service, moment))
    except KafkaConnectionError as error:
        raise nobody_at(address) from error
    except (CommitFailedError, UnknownMemberIdError) as error:
        raise Problem(f"{service} still runs, and Kafka gives no second reader its place: stop every copy.") from error
    if as_json:
        print_json({"service": service, "since": moment, "messages": again})
    else:
        out().print(f"{service} reads {again} messages again when it is started", markup=False)


async def _rewind(bootstrap: str, service: str, since: datetime) -> int:
    """Move the group's place back; returns how many messages lie behind it now that it had read."""
    group = f"posada-{service}"
    topics = import_module(f"services.{service}.app").build().routes.topics
    partitions = [one for topic in topics for one in await partitions_of(bootstrap, topic.name)]
    await _refuse_if_running(bootstrap, service, group)
    reader = consumer(bootstrap, group_id=group)
    await reader.start()
    try:
        reader.assign(partitions)
        moved = await _places(reader, partitions, since)
        was = {one: await reader.committed(one) for one in moved}
        back = {one: OffsetAndMetadata(place, "") for one, place in moved.items() if place < (was[one] or 0)}
        if back:
            await reader.commit(back)
        return sum((was[one] or 0) - back[one].offset for one in back)
    finally:
        await reader.stop()


async def _places(
    reader: AIOKafkaConsumer, partitions: list[TopicPartition], since: datetime
) -> dict[TopicPartition, int]:
    found = await reader.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    return {partition: place.offset for partition, place in found.items() if place is not None}


async def _refuse_if_running(bootstrap: str, service: str, group: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **from_environment())
    await admin.start()
    try:
        running = await members(admin, group)
    finally:
        await admin.close()
    if running:
        copies = "one copy" if running == 1 else f"{running} copies"
        raise Problem(f"{service} is still at work in {copies}: stop every one, then rewind.", Exit.NO)
