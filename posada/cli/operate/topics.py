"""posada topics: creates the topics that are missing and bounds those that are there, or lists what they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaConnectionError

from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of
from posada.client.booking_events import nobody_at
from posada.output import out, print_json, table
from shared.contracts.topics import ALL_TOPICS
from shared.kafka.topic_admin import bound_messages, create_topics, partitions
from shared.kafka.topics import DEFAULT_PARTITIONS, Topic

Replication = Annotated[int, typer.Option("--replication", min=1, help="Copies of each partition, on as many brokers.")]

Instances = Annotated[
    int,
    typer.Option(
        "--instances",
        min=DEFAULT_PARTITIONS,
        help="Most copies of a service that will ever share its work: as many partitions, half for topics with little.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(topics)


def topics(
    list_: Annotated[bool, typer.Option("--list", help="Only show them; needs no broker.")] = False,
    replication: Replication = 1,
    instances: Instances = DEFAULT_PARTITIONS,
    *,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing; those that exist get their largest message and are named where too narrow."""
    wanted = [topic.for_instances(instances) for topic in ALL_TOPICS]
    if list_:
        _list(wanted, as_json)
        return
    address = bootstrap_of(data, bootstrap)
    try:
        made, bound, narrow = asyncio.run(_create(address, wanted, replication))
    except KafkaConnectionError as error:
        raise nobody_at(address) from error
    if as_json:
        print_json({"created": made, "bounded": bound, "known": len(ALL_TOPICS), "narrower": narrow})
        return
    out().print(f"created {len(made)} of {len(ALL_TOPICS)} topics; the others are there", markup=False)
    if bound:
        out().print(f"bounded the messages of {', '.join(bound)}", markup=False, soft_wrap=True)
    for one in narrow:
        out().print(
            "{name} has {partitions} partitions, too few for so many copies: "
            "kafka-topics.sh --alter --topic {name} --partitions {wanted}".format(**one),
            markup=False,
            soft_wrap=True,
        )


async def _create(
    address: str, wanted: Sequence[Topic], replication: int
) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """The topics made, those whose messages were bounded, and those that were there with fewer partitions."""
    made = await create_topics(address, wanted, replication)
    there = {topic.name: topic.partitions for topic in wanted if topic.name not in made}
    bound = await bound_messages(address, [topic for topic in wanted if topic.name in there])
    found = Counter(one.topic for one in await partitions(address, there.keys()))
    narrow = [
        {"name": name, "partitions": found[name], "wanted": most}
        for name, most in there.items()
        if 0 < found[name] < most
    ]
    return made, bound, narrow


def _list(wanted: Sequence[Topic], as_json: bool) -> None:
    if as_json:
        print_json([described(topic) for topic in wanted])
        return
    rows = [
        (topic.name, topic.partitions, _kept(topic), "public" if topic.public else "", topic.description)
        for topic in wanted
    ]
    out().print(table("", ("topic", ">partitions", "kept", "", "what it carries"), rows))


def described(topic: Topic) -> dict[str, Any]:
    """A topic for a program."""
    return {
        "name": topic.name,
        "partitions": topic.partitions,
        "settings": topic.settings(),
        "public": topic.public,
        "default_type": topic.default_type,
        "description": topic.description,
    }


def _kept(topic: Topic) -> str:
    return "compacted" if topic.compacted else f"{topic.retention.days} d"
