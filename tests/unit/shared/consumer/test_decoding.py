"""Reading records: what counts on which topic, and under which key it is remembered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.consumer import decoding
from shared.consumer.decoding import Decoder
from shared.consumer.odd_records import header_problems
from shared.consumer.routing import Routes
from shared.contracts.booking import BookingRequested, RequestInvalid
from shared.contracts.payments import OWN_SOURCES, TransferArrived, VerifyPayment
from shared.contracts.topics import ALL_TOPICS, SERVICES, internal
from shared.messages.inbound import Invalid
from shared.messages.message import Envelope, Message, read_context
from shared.messages.record_auth import Verified
from shared.outbox.dead_letters import ORIGIN, retry_headers
from tests.support.cluster.bad_messages import Bad, bad_messages
from tests.support.cluster.good_messages import PLACES, REQUEST, ROUTED_ELSEWHERE, Place
from tests.support.doubles.transport import raw_record

REQUEST_WITHOUT_ID = json.dumps({name: value for name, value in REQUEST.items() if name != "request_id"}).encode()
REQUESTS, TRANSFERS = "posada.booking.requests", "posada.payments.transfers"
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


def answered(message: Any) -> str:
    """Why a message is not handled; on a topic of questions its sender is told."""
    assert isinstance(message, Invalid) or type(message).__name__.endswith("Invalid")
    found: str = message.text if isinstance(message, Invalid) else getattr(message, "error", None) or message.refusal
    return found if isinstance(found, str) else found.text


def test_half_a_letter_or_bytes_of_another_encoding_keep_no_money_out() -> None:
    read = Decoder(routes_of("payments")).decode
    facts = {"transfer_id": "1", "amount": "1.00", "posted_on": "2026-03-10"}
    for body in (
        json.dumps(facts | {"payer": "Rosa \ud83c"}).encode(),  # a bank's program cut an emoji in two
        json.dumps(facts | {"payer": "Rosa \xf1"}, ensure_ascii=False).encode("latin-1"),
    ):
        message = read(raw_record(TRANSFERS, body), NOW).message
        assert isinstance(message, TransferArrived), message
        assert message.payer == "Rosa"
    for name in ("transfer_id", "authorization_number", "source"):
        assert isinstance(
            read(raw_record(TRANSFERS, json.dumps(facts | {name: "1\ud83c2"}).encode()), NOW).message, Invalid
        )


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_a_message_counts_only_on_its_own_topic(place: Place) -> None:
    for service in place.readers:
        read = Decoder(routes_of(service)).decode(record(place.topic, elsewhere(place)), NOW)
        assert f"does not travel on {place.topic}" in answered(read.message)


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_a_second_attempt_counts_on_the_services_own_topic(place: Place) -> None:
    kind, _ = ROUTED_ELSEWHERE[place.topic]
    takers = [service for service in SERVICES if kind in {one.type_name for one in routes_of(service).table}]
    assert takers
    for service in takers:
        read = Decoder(routes_of(service)).decode(record(internal(service).name, elsewhere(place)), NOW)
        assert isinstance(read.message, Message)


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_a_dead_letter_that_is_replayed_counts_no_more_than_where_it_came_from(place: Place) -> None:
    for service in place.readers:
        given = record(internal(service).name, elsewhere(place), (ORIGIN, f"{place.topic}/0/7".encode()))
        read = Decoder(routes_of(service)).decode(given, NOW)
        assert f"does not travel on {place.topic}" in answered(read.message)
        assert read.origin == f"{place.topic}/0/7"


def test_only_our_own_topic_is_believed_about_where_a_message_came_from() -> None:
    place = next(place for place in OPEN if place.topic == REQUESTS)
    given = record(REQUESTS, elsewhere(place), (ORIGIN, b"posada.booking.replies/0/7"))
    assert f"does not travel on {REQUESTS}" in answered(Decoder(routes_of("booking")).decode(given, NOW).message)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.topic)
def test_what_travels_on_a_topic_is_taken_there(place: Place) -> None:
    for service in place.readers:
        good = Bad("good", b"{}", place.type)
        read = Decoder(routes_of(service)).decode(record(place.topic, good), NOW)
        assert "does not travel" not in (read.message.text if isinstance(read.message, Invalid) else "")


def request_id_of(**facts: Any) -> str:
    read = Decoder(routes_of("booking")).decode(raw_record(REQUESTS, REQUEST_WITHOUT_ID, **facts), NOW)
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
    reader = Decoder(routes_of("booking"))

    def key(timestamp: int) -> Any:
        return reader.decode(
            raw_record(REQUESTS, REQUEST_WITHOUT_ID, headers=headers, offset=7, timestamp=timestamp), NOW
        ).inbox_key

    assert key(1) == key(1) != key(2)
    transfers = Decoder(routes_of("payments"))
    keys = {
        transfers.decode(raw_record("posada.payments.transfers", b"{}", offset=7, timestamp=at), NOW).inbox_key
        for at in (1, 1, 2)
    }
    assert len(keys) == 2


WRITTEN_BY_OTHERS = [topic.name for topic in ALL_TOPICS if topic.open]
OURS = ["posada/booking", "webhooks/twilio", "kafka", "kafka/posada.payments.transfers"]


def problems_of(reader: Decoder, given: Any) -> list[str]:
    """The headers of a record of somebody that are wrong."""
    reserved = reader._is_reserved(given, Verified())
    found = header_problems(given.headers, read_context(given.headers), reserved=reserved)
    return [problem["field"] for problem in found]


@pytest.mark.parametrize("topic", WRITTEN_BY_OTHERS)
@pytest.mark.parametrize("source", OURS)
def test_a_source_that_posada_keeps_for_itself_is_refused_from_outside(topic: str, source: str) -> None:
    place = next(place for place in OPEN if place.topic == topic)
    given = raw_record(topic, b"{}", headers=[("ce_id", b"1"), ("CE_Source", source.encode())])
    for service in place.readers:
        reader = Decoder(routes_of(service))
        assert "ce_source" in problems_of(reader, given)
        assert not reader.decode(given, NOW).verified  # given back by `posada dead replay` it would be ours
        inside = raw_record(internal(service).name, b"{}", headers=given.headers)
        assert problems_of(reader, inside) == []


def test_ids_that_are_no_text_are_two_messages_for_a_person() -> None:
    """`kafka-ce-id-not-utf8` of the cases: read loosely the two ids were one, and a transfer vanished."""
    reader = Decoder(routes_of("payments"))
    body = b'{"transfer_id": "1", "amount": "1.00", "posted_on": "2026-03-10"}'
    found = [
        reader.decode(raw_record(TRANSFERS, body, headers=[("ce_source", b"gw"), ("ce_id", name)]), NOW)
        for name in (b"pag\xf3-X", b"pag\xf1-X")
    ]
    assert len({one.inbox_key for one in found}) == 2
    assert all(isinstance(one.message, Invalid) and "ce_id" in one.message.text for one in found)


def test_a_message_that_cannot_be_handled_does_not_take_its_id() -> None:
    reader = Decoder(routes_of("payments"))
    good = b'{"transfer_id": "1", "amount": "1.00", "posted_on": "2026-03-10"}'
    keys = [
        reader.decode(raw_record(TRANSFERS, body, headers=[("ce_id", b"1")]), NOW).inbox_key for body in (b"", good)
    ]
    assert len(set(keys)) == 2
    verify = [("ce_id", b"2"), ("ce_type", b"posada.payments.verify-payment.v1")]
    answered = reader.decode(raw_record("posada.payments.requests", b'{"request_id": "1"}', headers=verify), NOW)
    assert isinstance(answered.message, Message)
    assert answered.inbox_key not in answered.inbox_keys("payments")


@pytest.mark.parametrize("source", sorted(OWN_SOURCES))
def test_money_that_only_posada_records_is_not_told_over_kafka(source: str) -> None:
    body = json.dumps({"transfer_id": "1", "source": source, "amount": "1.00", "posted_on": "2026-03-10"}).encode()
    message = Decoder(routes_of("payments")).decode(raw_record(TRANSFERS, body), NOW).message
    assert isinstance(message, Invalid)
    assert "source" in message.text


@pytest.mark.parametrize(
    ("given_", "fitted"),
    [
        ("SVWZ " * 30, ("SVWZ " * 20).strip()),
        ("ANA\nLOPEZ\u2028\x00 ", "ANA LOPEZ"),
        ("", None),
        (" \t", None),
        (12345, "12345"),
        (["RENT", "MARCH"], "RENT MARCH"),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_text_that_only_describes_money_never_keeps_it_out(given_: Any, fitted: str | None) -> None:
    """`kafka-transfer-text-blocks-money` of the cases."""
    fields = dict.fromkeys(("payer", "reference"), given_)
    facts = {"transfer_id": "1", "amount": "1.00", "posted_on": "2026-03-10"} | fields
    message = Decoder(routes_of("payments")).decode(raw_record(TRANSFERS, json.dumps(facts).encode()), NOW).message
    assert isinstance(message, TransferArrived), message
    assert message.reference == fitted
    assert (message.payer or "")[:99] == (fitted or "")[:99]


@pytest.mark.parametrize("place", OPEN, ids=lambda place: place.topic)
def test_whatever_is_in_a_record_it_is_read(place: Place) -> None:
    for service in place.readers:
        reader = Decoder(routes_of(service))
        for bad in bad_messages(place):
            reader.decode(record(place.topic, bad), NOW)


def test_a_record_that_makes_the_decoder_fail_is_set_aside_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RecursionError("too deep")

    routes = routes_of("booking")
    monkeypatch.setattr(routes, "for_invalid", fails)
    unanswerable = Decoder(routes).decode(raw_record(REQUESTS, b"{}"), NOW)
    assert isinstance(unanswerable.message, Invalid)
    assert unanswerable.message.type_name == BookingRequested.type_name
    reader = Decoder(routes)
    monkeypatch.setattr(decoding, "misplaced", fails)
    failed = reader.decode(raw_record(REQUESTS, REQUEST_WITHOUT_ID), NOW)
    assert isinstance(failed.message, Invalid)
    assert "too deep" in failed.message.text
    assert failed.raw.value == REQUEST_WITHOUT_ID
    own = raw_record("posada.booking.internal", b"{}", headers=[("posada_origin", f"{REQUESTS}/0/1".encode())])
    unread = reader.decode(own, NOW)
    assert not unread.verified  # nobody looked who wrote it, or where it says to come from
    assert unread.origin.startswith("posada.booking.internal/")


def test_a_type_has_one_route() -> None:
    routes = routes_of("booking")
    with pytest.raises(ValueError, match="has a route already"):
        routes.on(BookingRequested, lambda *_: ())


def test_a_null_character_in_an_events_own_id_keeps_nobody_from_an_answer() -> None:
    asked = raw_record(REQUESTS, b"{}", headers=[("ce_id", b"odd\0id")])
    answered = Decoder(routes_of("booking")).decode(asked, NOW).message
    assert isinstance(answered, RequestInvalid)
    assert "\0" not in answered.request_id


class Verifier:
    """Says of every record that one sender wrote it."""

    def __init__(self, writer: Verified) -> None:
        self._writer = writer

    def verify(self, *_: Any) -> Verified:
        return self._writer

    def false_speaker(self, *_: Any) -> str:
        return ""


@pytest.mark.parametrize(
    ("writer", "headers", "sender"),
    [
        (Verified(sender="bot"), [], "gateway/bot"),
        (Verified(sender="bot"), [("ce_source", b"bot"), ("posada_sender", b"other")], "gateway/bot"),
        (Verified(), [("ce_source", b"bot")], "gateway/bot"),
        (Verified(), [("ce_source", b"bot"), ("posada_sender", b"other")], "gateway/bot"),
        (Verified(), [("posada_sender", b"other")], ""),
        (Verified(), [("ce_id", b"1")], ""),
        (Verified(internal=True), [("posada_sender", b"bot")], "gateway/bot"),
    ],
)
def test_who_sent_a_message_is_never_read_from_what_a_stranger_writes(
    writer: Verified, headers: list[tuple[str, bytes]], sender: str
) -> None:
    for service, topic, kind, body in (
        ("booking", REQUESTS, BookingRequested, json.dumps(REQUEST | {"sender": "x", "_sender": "y"}).encode()),
        ("payments", "posada.payments.requests", VerifyPayment, b'{"request_id": "q"}'),
    ):
        reader = Decoder(routes_of(service), Verifier(writer))  # type: ignore[arg-type]
        read = reader.decode(raw_record(topic, body, headers=[("ce_type", kind.type_name.encode()), *headers]), NOW)
        assert isinstance(read.message, kind)
        assert read.message.sender == sender


def test_a_later_attempt_keeps_the_sender_and_nothing_that_a_stranger_wrote() -> None:
    given = [("posada_sender", b"other"), ("Posada_Replay", b"again"), ("x", b"1")]
    names = dict(retry_headers(given, Envelope("1", "t", "kafka", sender="bot"), "topic/0/1", b"[]"))
    assert (names["posada_sender"], names["x"], "Posada_Replay" in names) == (b"bot", b"1", False)
    unsigned = dict(retry_headers(given, Envelope("1", "t", "kafka"), "topic/0/1", b"[]"))
    assert "posada_sender" not in unsigned
