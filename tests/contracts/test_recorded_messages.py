"""Messages of every version that was ever sent are still understood, by every service that they are for."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.clock import system_clock
from shared.consumer.decoding import Decoder
from shared.consumer.routing import Routes
from shared.contracts.topics import SERVICES
from shared.messages.message import Message, message_types

FILES = sorted((Path(__file__).parent / "recorded").glob("*.json"))
EXTRA = {"a_field_of_tomorrow": {"that": ["nobody", "knows", 1]}}


def routes_of(service: str) -> Routes[Any]:
    routes: Routes[Any] = import_module(f"services.{service}.app").build().routes
    return routes


READERS = {service: Decoder(routes_of(service)) for service in SERVICES}


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def record(told: dict[str, Any], body: dict[str, Any]) -> ConsumerRecord[bytes, bytes]:
    headers = tuple((name, value.encode()) for name, value in told["headers"].items())
    value = json.dumps(body).encode()
    return ConsumerRecord(told["topic"], 0, 1, 0, 0, told["key"].encode(), value, 0, 0, len(value), headers)


def known_then(now: Any, then: Any) -> Any:
    """What is said now, without the fields that were not there then, in whatever depth."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {name: known_then(now.get(name), value) for name, value in then.items()}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [known_then(one, other) for one, other in zip(now, then, strict=True)]
    return now


def test_every_type_is_recorded_and_no_recorded_type_was_taken_away() -> None:
    """A new type: `python -m tests.contracts.record`. A type that is gone: somebody may still send it."""
    assert {file.stem for file in FILES} == set(message_types())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_message_means_what_it_meant(file: Path) -> None:
    told = read(file)
    kind = message_types()[file.stem]
    message = kind.model_validate(told["body"] | EXTRA)
    now = message.model_dump(mode="json", exclude_none=True)
    # New fields with a default may have come; what was said then is said now, on the same topic under the same key.
    assert known_then(now, told["body"]) == told["body"]
    assert (message.topic.name, message.key) == (told["topic"], told["key"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_service_that_it_is_for_reads_it_from_kafka(file: Path) -> None:
    told = read(file)
    kind = message_types()[file.stem]
    readers = [reader for service, reader in READERS.items() if kind in reader._routes.table]
    if not readers:
        assert kind.topic.public or kind.topic.name.endswith((".replies", ".internal")), "nobody reads it"
    for reader in readers:
        came = record(told, told["body"] | EXTRA)
        assert reader.is_for_this_service(came)
        delivery = reader.decode(came, system_clock())
        assert isinstance(delivery.message, Message), delivery.message
        assert type(delivery.message) is kind


def test_a_field_that_is_missing_or_of_another_kind_is_noticed() -> None:
    """So that the tests above say something: a changed contract does fail them."""
    told = read(next(file for file in FILES if file.stem == "posada.availability.hold-rooms.v1"))
    for broken in ({}, told["body"] | {"booking_id": 5}):
        delivery = READERS["availability"].decode(record(told, broken), system_clock())
        assert not isinstance(delivery.message, Message)
