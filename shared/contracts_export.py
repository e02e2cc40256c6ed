"""Exports the message contract: a JSON Schema for every message, and one AsyncAPI 3.0 document over all topics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared.kafka.topics import LARGEST_MESSAGE, Topic
from shared.messages.message import Message

ASYNCAPI_FILE: Final = "asyncapi.json"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final = "#/components/schemas/{model}"
ENVELOPE: Final = "CloudEventsHeaders"
KAFKA_BINDING: Final = "0.5.0"
Json = dict[str, Any]


def contract_files(
    title: str, version: str, messages: Mapping[str, type[Message]], topics: Sequence[Topic]
) -> dict[str, str]:
    """The text of every file of the contract by its name; the same models always give the same text."""
    files = {f"{name}.json": message_schema(model) for name, model in messages.items()}
    files[ASYNCAPI_FILE] = asyncapi(title, version, messages, topics)
    return {name: as_text(files[name]) for name in sorted(files)}


def stale_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Files of the folder that are missing, differ, or belong to no message."""
    existing = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in existing.keys() | files.keys() if existing.get(name) != files.get(name))


def write_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Make the folder hold exactly these files; returns the names of those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    stale = stale_files(folder, files)
    for name in stale:
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return stale


def as_text(document: Json) -> str:
    """The document with sorted keys and a final line break."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def message_schema(model: type[Message]) -> Json:
    """The JSON Schema (draft 2020-12) of a message."""
    return {"$schema": DIALECT, "$id": f"urn:{model.type_name}", **model.model_json_schema(mode="validation")}


def asyncapi(title: str, version: str, messages: Mapping[str, type[Message]], topics: Sequence[Topic]) -> Json:
    """One AsyncAPI document: topics as channels, messages with headers, and which of them are sent and received."""
    by_topic = {topic.name: sorted(n for n, m in messages.items() if m.topic == topic) for topic in topics}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {topic.name: channel(topic, by_topic[topic.name]) for topic in topics},
        "operations": dict(
            operation
            for topic in topics
            if by_topic[topic.name]
            for operation in operations(topic, by_topic[topic.name])
        ),
        "components": {
            "messages": {name: message(model) for name, model in messages.items()},
            "schemas": {ENVELOPE: _HEADERS, **payloads(messages.values())},
        },
    }


def channel(topic: Topic, names: Iterable[str]) -> Json:
    """A topic with its partitions, its retention and its messages."""
    settings = topic.settings()
    kept: Json = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if "retention.ms" in settings:
        kept["retention.ms"] = int(settings["retention.ms"])
    kept[LARGEST_MESSAGE] = int(settings[LARGEST_MESSAGE])
    kafka = {"partitions": topic.partitions, "topicConfiguration": kept, "bindingVersion": KAFKA_BINDING}
    visible = "public" if topic.public else "internal"
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topic": topic.name, **kafka}},
        "tags": [{"name": visible}],
    }


def operations(topic: Topic, names: Sequence[str]) -> list[tuple[str, Json]]:
    """Whether Posada sends or receives on a topic: it receives on a public topic with a default type, and sends on any
    other public topic. On an internal topic its services do both.
    """
    actions = ["receive" if topic.default_type else "send"] if topic.public else ["receive", "send"]
    return [
        (
            f"{action}.{topic.name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in names],
            },
        )
        for action in actions
    ]


def message(model: type[Message]) -> Json:
    """A message with its headers, its key and its payload."""
    key = {"type": "string", "description": f"The message's {model.key_field}."}
    return {
        "name": model.type_name,
        "title": model.__name__,
        "summary": (model.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": {
            "allOf": [{"$ref": REFERENCE.format(model=ENVELOPE)}],
            "properties": {"ce_type": {"const": model.type_name}},
        },
        "payload": {"$ref": REFERENCE.format(model=model.__name__)},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}},
    }


def payloads(models: Iterable[type[Message]]) -> Json:
    """The schemas of all messages and of their parts, by the names of their classes.

    Raises:
        ValueError: when two classes have the same name, so that a reference would be ambiguous.
    """
    messages = list(models)
    _, combined = models_json_schema([(model, "validation") for model in messages], ref_template=REFERENCE)
    schemas: Json = combined.get("$defs", {})
    if missing := [model.__name__ for model in messages if model.__name__ not in schemas]:
        raise ValueError(f"other classes have the same names as these messages: {', '.join(missing)}")
    return schemas


_DESCRIPTION: Final = (
    "CloudEvents 1.0 over Kafka in binary mode: the context in headers, JSON in the body. A message without ce_type on "
    "a public topic that carries one type is taken for it. Fields that a reader does not know are ignored; a change "
    "that breaks readers gets a new type name."
)


def _text(description: str, **more: Any) -> Json:
    return {"type": "string", "description": description, **more}


_HEADERS: Final[Json] = {
    "type": "object",
    "description": "The CloudEvents context as Kafka headers, with W3C trace context beside it.",
    "properties": {
        "ce_specversion": _text("CloudEvents' version.", const="1.0"),
        "ce_id": _text("The event's id; with ce_source it is unique, and a repetition is known by it."),
        "ce_type": _text("The message's versioned type name."),
        "ce_source": _text("Who sent it."),
        "ce_time": _text("When it came about, with its offset from UTC.", format="date-time"),
        "ce_correlationid": _text("The conversation that it belongs to: a booking's id."),
        "ce_causationid": _text("The id of the message that led to it."),
        "traceparent": _text("W3C trace context."),
        "content-type": _text("The body's type.", const="application/json"),
    },
}
