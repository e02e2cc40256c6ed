"""Every older name is read as today's, in the request and in its groups; no name is dropped in silence."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import legacy_aliases
from shared.contracts.availability import CountRequested, QuoteRequested
from shared.contracts.booking import BookingRequested
from shared.contracts.payments import TransferArrived, VerifyPayment
from shared.messages.close_names import closest
from shared.messages.inbound import Invalid, parse_message
from shared.messages.message import Message
from tests.support.builders.questions import BOOKING, COUNT, FLAT, QUOTE, TRANSFER, VERIFICATION

Json = dict[str, Any]
# Of which type, in which object of it, by which older name, for which name of today.
TABLE: list[tuple[type[Message], Json, str, str, str]] = [
    *((BookingRequested, BOOKING, "", *names) for names in legacy_aliases.REQUEST.items()),
    *((BookingRequested, BOOKING, "guest", *names) for names in legacy_aliases.GUEST.items()),
    *((BookingRequested, BOOKING, "payment", *names) for names in legacy_aliases.PAYMENT.items()),
    *((BookingRequested, BOOKING, "rooms", *names) for names in legacy_aliases.ROOM.items()),
    *((CountRequested, COUNT, "", *names) for names in legacy_aliases.COUNT.items()),
    *((CountRequested, COUNT, "wanted", *names) for names in legacy_aliases.TYPE.items()),
    *((QuoteRequested, QUOTE, "", *names) for names in legacy_aliases.QUOTE.items()),
    *((QuoteRequested, QUOTE, "rooms", *names) for names in legacy_aliases.ROOM.items()),
    *((VerifyPayment, VERIFICATION, "", *names) for names in legacy_aliases.VERIFICATION.items()),
]
BESIDE = [(group, old, new) for group, names in legacy_aliases.FLAT.items() for old, new in names.items()]
# The names that gateways of earlier versions are known to send: the table has each of them.
KNOWN = {
    "customer_name", "check_in_date", "check_out_date", "room_bookings", "bookings", "room_requests", "bungalow_type",
    "package_type", "children_0_5", "children_6_10", "payment_maker_name", "customer_instructions", "excluded_rooms",
    "transfer_id", "phone_number", "wa_id", "subscriber_id", "channel",
}  # fmt: skip


def read(kind: type[Message], body: Json) -> Any:
    return parse_message(kind.type_name, json.dumps(body).encode(), "gateway/1")


def within(body: Json, group: str) -> Json:
    part = body[group] if group else body
    found: Json = part[0] if isinstance(part, list) else part
    return found


@pytest.mark.parametrize(("kind", "body", "group", "old", "new"), TABLE)
def test_an_older_name_means_today_s(kind: type[Message], body: Json, group: str, old: str, new: str) -> None:
    older = deepcopy(body)
    part = within(older, group)
    part[old] = part.pop(new)
    assert read(kind, older) == read(kind, body)


@pytest.mark.parametrize(("kind", "body", "group", "old", "new"), TABLE)
def test_two_names_of_a_field_must_say_the_same(
    kind: type[Message], body: Json, group: str, old: str, new: str
) -> None:
    both = deepcopy(body)
    part = within(both, group)
    part[old] = part[new]
    assert read(kind, both) == read(kind, body)
    part[old] = [{"type": "Familiar"}] if isinstance(part[new], list) else "something else"
    refused = read(kind, both)
    assert isinstance(refused, Invalid)
    assert refused.problems[0]["field"].rpartition(".")[2] == old


@pytest.mark.parametrize(("group", "old", "new"), BESIDE)
def test_a_field_of_a_group_may_stand_beside_it(group: str, old: str, new: str) -> None:
    flat = deepcopy(BOOKING)
    flat[old] = flat[group].pop(new)
    assert read(BookingRequested, flat) == read(BookingRequested, BOOKING)


def test_every_name_that_earlier_gateways_send_is_in_a_table() -> None:
    assert {old for _, _, _, old, _ in TABLE} | {old for _, old, _ in BESIDE} >= KNOWN


def test_the_flat_form_keeps_every_field() -> None:
    request = read(BookingRequested, FLAT)
    assert request.payment.payer == "Juan López"
    assert request.payment.payment_id == "p-1"
    assert (request.instructions, request.avoid_rooms, request.contact.channel) == ("late", ("22",), "whatsapp")
    assert request.ignored == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [("facebook", "messenger"), ("Wati", "whatsapp"), ("instagram", "instagram")],
)
def test_older_words_for_channels(written: str, meant: str) -> None:
    assert read(BookingRequested, FLAT | {"channel": written}).contact.channel == meant


@pytest.mark.parametrize(
    ("group", "name", "meant"),
    [
        ("", "chekin", "check_in"),
        ("", "checkIn", "check_in"),
        ("", "check-out-date", "check_out_date"),
        ("", "guests", "guest"),
        ("payment", "payer_nmae", "payer_name"),
        ("payment", "refrence", "reference"),
        ("rooms", "adult", "adults"),
        ("guest", "emial", "email"),
        ("contact", "wa-id", "wa_id"),
    ],
)
def test_a_name_close_to_a_known_one_is_refused_and_names_it(group: str, name: str, meant: str) -> None:
    body = deepcopy(BOOKING)
    within(body, group)[name] = "x"
    refused = read(BookingRequested, body)
    assert isinstance(refused, Invalid)
    assert refused.problems[0]["field"].rpartition(".")[2] == name
    assert meant in refused.problems[0]["problem"]


def test_any_other_name_is_told_back_as_ignored() -> None:
    body = deepcopy(BOOKING) | {"force_process": True, "loyalty": {"number": 7}, "bungalow_type": "Familiar"}
    body["rooms"][1]["view"] = "sea"
    body["guest"]["title"] = "Dra."
    request = read(BookingRequested, body)
    assert request.ignored == ("force_process", "loyalty", "bungalow_type", "guest.title", "rooms.1.view")
    assert read(CountRequested, COUNT | {"floor": 2}).ignored == ("floor",)
    older = {name: value for name, value in COUNT.items() if name != "wanted"}
    older["room_requests"] = [{"bungalow_type": "Junior", "quantity": 3}]
    assert read(CountRequested, older).ignored == ("wanted.0.quantity",)


def test_money_is_never_kept_out_by_the_name_of_a_field() -> None:
    assert isinstance(read(TransferArrived, TRANSFER | {"payers": "Ana", "refrence": "x"}), Message)


def test_many_and_long_names_are_bounded() -> None:
    request = read(BookingRequested, BOOKING | {f"{'x' * 200}{number}": 1 for number in range(1000)})
    assert len(request.ignored) == 50
    assert max(map(len, request.ignored)) == 100


NAMES = st.text("abcdefgh_", min_size=4, max_size=12)


@given(NAMES, st.integers(0, 11), st.sampled_from("xyz"))
def test_one_wrong_letter_is_close(name: str, place: int, letter: str) -> None:
    if sum(map(str.isalnum, name)) < 4:
        return
    place %= len(name)
    for written in (name[:place] + letter + name[place:], name.upper(), name.replace("_", "-")):
        assert closest(written, [name]) == name


@given(NAMES, NAMES)
def test_closeness_is_the_same_in_both_directions_for_names_of_one_length(one: str, other: str) -> None:
    letters = [sum(map(str.isalnum, name)) for name in (one, other)]
    if letters[0] == letters[1]:
        assert (closest(one, [other]) is None) is (closest(other, [one]) is None)
