"""Envelopes survive Kafka, and requests in older names mean what today's mean."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.legacy_aliases import normalize
from shared.contracts.topics import ALL_TOPICS
from shared.messages.message import LONGEST_HEADER, Envelope, message_types, read_context

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRINTABLE = st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" ")
TEXT = st.text(PRINTABLE, min_size=1, max_size=100)
MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — hypothesis adds it
TRACES = st.builds("00-{:032x}-{:016x}-01".format, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1))
ENVELOPES = st.builds(
    Envelope, TEXT, TEXT, TEXT, correlation=TEXT, causation=TEXT, traceparent=TRACES, time=MOMENTS,
    attempt=st.integers(0, 999), replay=TEXT,
)  # fmt: skip


def read(headers: Any) -> Envelope:
    return Envelope.from_headers(headers, topic="t", place="0/0/0", type_name="t", now=NOW)


@given(ENVELOPES)
def test_an_envelope_comes_back_as_it_went(envelope: Envelope) -> None:
    assert read(envelope.headers()) == replace(envelope, time=NOW)  # its time is when it was read
    assert dict(envelope.headers())["ce_time"].decode() == envelope.time.isoformat()


@given(st.lists(st.tuples(st.sampled_from(["ce_id", "CE_TIME", "posada_attempt", "x"]), st.binary() | st.none())))
def test_any_headers_make_an_envelope(headers: Any) -> None:
    found = read(headers)
    assert found.type == "t"
    assert found.time.tzinfo


@given(ENVELOPES, st.integers(0, 9))
def test_each_attempt_counts_once_in_the_inbox(envelope: Envelope, attempt: int) -> None:
    other = Envelope(envelope.id, envelope.type, envelope.source, attempt=attempt, replay=envelope.replay)
    keys = other.inbox_key("s", "t"), envelope.inbox_key("s", "t")
    assert (keys[0] == keys[1]) is (attempt == envelope.attempt)
    assert envelope.inbox_key("s", "t", attempt) == keys[0]


@given(ENVELOPES)
def test_an_id_is_claimed_for_one_service_and_one_topic(envelope: Envelope) -> None:
    assert len({envelope.inbox_key(*place) for place in (("s", "t"), ("s", "u"), ("r", "t"))}) == 3


ZEROS = "0" * 32
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "given_",
    [
        "",
        "garbage",
        f"00-{ZEROS}-{SPAN}-01",
        f"00-{TRACE}-{ZEROS[:16]}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\r\nx: y",
        f"00-{TRACE}-{SPAN}-01\0",
        "0" * 100_000,
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(given_: str) -> None:
    """`kafka-traceparent-malformed` of the cases."""
    begun = read([("ce_id", b"1"), ("traceparent", given_.encode())]).traceparent
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", begun)
    assert TRACE not in begun
    assert read_context([("traceparent", given_.encode())]).problems == ()


def test_a_trace_is_continued_in_the_version_that_we_speak() -> None:
    for given_ in (f"00-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01-later"):
        assert read([("traceparent", given_.encode())]).traceparent == f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("name", ["ce_id", "CE_SOURCE", "ce_type", "ce_correlationid", "posada_replay"])
@pytest.mark.parametrize("value", [b"pag\xf3-X", b"a\0b", b"a\r\nb", b"x" * (LONGEST_HEADER + 1)])
def test_a_context_header_that_is_no_text_is_named(name: str, value: bytes) -> None:
    (problem,) = read_context([(name, value), ("note", b"\xff")]).problems
    assert problem["field"] == name.lower()
    assert "UTF-8" in problem["problem"]


def test_a_context_header_that_is_given_twice_is_named() -> None:
    (problem,) = read_context([("ce_id", b"1"), ("CE_ID", b"2")]).problems
    assert (problem["field"], "once" in problem["problem"]) == ("ce_id", True)


def test_every_message_travels_on_a_declared_topic_under_a_versioned_name() -> None:
    for name, model in message_types().items():
        assert model.topic in ALL_TOPICS
        assert name.rpartition(".v")[2].isdigit()


@pytest.mark.parametrize("given_", [None, [], "text", 7, {}])
def test_what_is_no_request_is_left_alone(given_: Any) -> None:
    assert normalize(given_) == given_


def test_older_names_become_today_s() -> None:
    assert (
        normalize(
            {
                "customer_name": "Ana",
                "check_in_date": "2026-03-15",
                "package_type": "Las Hojas",
                "bungalow_type": "Junior",
                "adults": 2,
                "children_0_5": 1,
                "children_6_10": 0,
                "payment_method": "CompraClick",
                "wa_id": "503",
            }
        ).items()
        >= {
            "check_in": "2026-03-15",
            "package": "Las Hojas",
            "guest": {"name": "Ana"},
            "payment": {"method": "CompraClick"},
            "contact": {"wa_id": "503"},
            "rooms": [{"type": "Junior", "adults": 2, "children_0_to_5": 1, "children_6_to_10": 0}],
        }.items()
    )


@pytest.mark.parametrize("rooms", [[], "Junior", {"type": "Junior"}])
def test_a_list_that_is_there_wins_even_where_it_is_wrong(rooms: Any) -> None:
    assert normalize({"bookings": rooms, "bungalow_type": "Familiar"})["rooms"] == rooms


def test_without_list_and_type_there_are_no_rooms() -> None:
    assert "rooms" not in normalize({"adults": 2})


def test_flat_fields_fill_what_a_group_leaves_out() -> None:
    given_ = {
        "guest": {"name": "Ana", "email": None},
        "customer_email": "ana@example.com",
        "payment": {"method": "bank_transfer"},
        "payment_amount": "690.00",
        "contact": None,
        "wa_id": "503",
    }
    found = normalize(given_)
    assert found["guest"] == {"name": "Ana", "email": "ana@example.com"}
    assert found["payment"] == {"method": "bank_transfer", "amount": "690.00"}
    assert found["contact"] == {"wa_id": "503"}


@pytest.mark.parametrize("group", ["Ana", ["Ana"], 7])
def test_a_group_that_is_none_stays_as_it_came(group: Any) -> None:
    assert normalize({"guest": group, "customer_name": "Ana"})["guest"] == group
