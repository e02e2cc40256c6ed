"""Reading records: what counts on which topic, and under which key it is remembered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.booking import BookingRequested, RequestInvalid
from shared.contracts.topics import SERVICES, internal
from shared.deadletters import ORIGIN
from shared.messages import Message
from shared.reading import Reader
from shared.routes import Invalid, Routes
from tests.support.end_to_end_bad_messages import PLACES, REQUEST, ROUTED_ELSEWHERE, Bad, Place, bad_messages
from tests.support.post_office import raw_record

REQUEST_WITHOUT_ID = json.dumps({name: value for name, value in REQUEST.items() if name != "request_id"}).encode()
REQUESTS = "posada.booking.requests"
NOW = datetime(2026, 3, 10, tzinfo=UTC)
OPEN = [place for place in PLACES if not place.topic.endswith(".internal")]


def routes_of(service: str) -> Routes[Any]:
    """The service's own route table; its repository is never asked."""
    table: Routes[Any] = import_module(f"services.{service}.consumers").routes(None)
    return table


def elsewhere(place: Place) -> Bad:
    """The bad message of a topic that its reader takes on another one."""
    return next(bad for bad in bad_messages(place) if bad.kind.startswith("routed type"))


def record(topic: str, bad: Bad, *more: tuple[str, bytes]) -> ConsumerRecord[bytes, bytes]:
    return raw_record(topic, bad.body, headers=[("ce_type", (bad.type or "").encode()), ("ce_id", b"1"), *more])


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_a_message_counts_only_on_its_own_topic(place: Place) -> None:
    for service in place.readers:
        read = Reader(routes_of(service)).read(record(place.topic, elsewhere(place)), NOW)
        assert isinstance(read.message, Invalid)
        assert f"does not travel on {place.topic}" in read.message.text


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_a_second_attempt_counts_on_the_services_own_topic(place: Place) -> None:
    kind, _ = ROUTED_ELSEWHERE[place.topic]
    takers = [service for service in SERVICES if kind in {one.type_name for one in routes_of(service).table}]
    assert takers
    for service in takers:
        read = Reader(routes_of(service)).read(record(internal(service).name, elsewhere(place)), NOW)
        assert isinstance(read.message, Message)


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_a_dead_letter_that_is_replayed_counts_no_more_than_where_it_came_from(place: Place) -> None:
    for service in place.readers:
        given = record(internal(service).name, elsewhere(place), (ORIGIN, f"{place.topic}/0/7".encode()))
        read = Reader(routes_of(service)).read(given, NOW)
        assert isinstance(read.message, Invalid)
        assert read.origin == f"{place.topic}/0/7"


def test_only_our_own_topic_is_believed_about_where_a_message_came_from() -> None:
    place = next(place for place in OPEN if place.topic == REQUESTS)
    given = record(REQUESTS, elsewhere(place), (ORIGIN, b"posada.booking.replies/0/7"))
    assert isinstance(Reader(routes_of("booking")).read(given, NOW).message, Invalid)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.topic)
def test_what_travels_on_a_topic_is_taken_there(place: Place) -> None:
    for service in place.readers:
        good = Bad("good", b"{}", place.type)
        read = Reader(routes_of(service)).read(record(place.topic, good), NOW)
        assert "does not travel" not in (read.message.text if isinstance(read.message, Invalid) else "")


def request_id_of(**facts: Any) -> str:
    read = Reader(routes_of("booking")).read(raw_record(REQUESTS, REQUEST_WITHOUT_ID, **facts), NOW)
    assert isinstance(read.message, BookingRequested)
    return read.message.request_id


def test_a_request_without_an_id_goes_by_its_source_and_event() -> None:
    ours = [("ce_id", b"1"), ("ce_source", b"acme")]
    assert request_id_of(headers=ours) == request_id_of(headers=ours) == "acme/1"
    assert request_id_of(headers=[("ce_id", b"1"), ("ce_source", b"other")]) == "other/1"
    assert request_id_of(headers=[("ce_id", b"1")]) == f"kafka/{REQUESTS}/1"
    assert len(request_id_of(headers=[("ce_id", b"1" * 200)])) <= 100
    assert request_id_of(offset=7, timestamp=99) == f"kafka/{REQUESTS}/0/7/99"


@pytest.mark.parametrize("headers", [[], [("ce_id", b"1"), ("ce_source", b"acme")]], ids=["nameless", "repeating"])
def test_a_topic_made_anew_begins_anew(headers: Any) -> None:
    reader = Reader(routes_of("booking"))

    def key(timestamp: int) -> Any:
        return reader.read(
            raw_record(REQUESTS, REQUEST_WITHOUT_ID, headers=headers, offset=7, timestamp=timestamp), NOW
        ).inbox_key

    assert key(1) == key(1) != key(2)
    transfers = Reader(routes_of("payments"))
    keys = {
        transfers.read(raw_record("posada.payments.transfers", b"{}", offset=7, timestamp=at), NOW).inbox_key
        for at in (1, 1, 2)
    }
    assert len(keys) == 2


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_whatever_is_in_a_record_it_is_read(place: Place) -> None:
    for service in place.readers:
        reader = Reader(routes_of(service))
        for bad in bad_messages(place):
            reader.read(record(place.topic, bad), NOW)


def test_a_record_that_the_reader_stumbles_over_is_set_aside_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*_: Any) -> Any:
        raise RecursionError("too deep")

    routes = routes_of("booking")
    monkeypatch.setattr(routes, "for_invalid", stumbles)
    unanswerable = Reader(routes).read(raw_record(REQUESTS, b"{}"), NOW)
    assert isinstance(unanswerable.message, Invalid)
    assert unanswerable.message.type_name == BookingRequested.type_name
    reader = Reader(routes)
    monkeypatch.setattr(reader, "_misplaced", stumbles)
    stumbled = reader.read(raw_record(REQUESTS, REQUEST_WITHOUT_ID), NOW)
    assert isinstance(stumbled.message, Invalid)
    assert "too deep" in stumbled.message.text
    assert stumbled.record.value == REQUEST_WITHOUT_ID


def test_a_type_has_one_route() -> None:
    routes = routes_of("booking")
    with pytest.raises(ValueError, match="has a route already"):
        routes.on(BookingRequested, lambda *_: ())


def test_a_null_character_in_an_events_own_id_keeps_nobody_from_an_answer() -> None:
    asked = raw_record(REQUESTS, b"{}", headers=[("ce_id", b"odd\0id")])
    answered = Reader(routes_of("booking")).read(asked, NOW).message
    assert isinstance(answered, RequestInvalid)
    assert "\0" not in answered.request_id
