"""What booking answers to every kind of request: repeated, incomplete, in older forms, not allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.booking.record.states import Status
from services.booking.requests import handlers
from services.booking.requests.malformed import read_invalid
from services.booking.requests.property import MultiRoom, Property
from shared.contracts.availability import HoldRooms, ReleaseRooms
from shared.contracts.booking import (
    BookingConfirmed,
    BookingProgressed,
    BookingRefused,
    BookingRequested,
    RequestInvalid,
)
from shared.contracts.common import Policy
from shared.contracts.contact import RequestingContact, caller_of
from shared.contracts.payments import PaymentReserved, ReservePayment
from shared.messages.inbound import Invalid, parse_message
from shared.messages.message import Outgoing
from tests.support.builders.bookings import answer_of, held, request, room, wanted
from tests.support.builders.given_booking import ID, Given
from tests.support.doubles.transport import START


@pytest.fixture
def given() -> Given:
    return Given()


def test_the_same_request_again_gets_the_first_outcome(given: Given) -> None:
    given.request().request().expect()
    given.reply(held()).reply(answer_of(PaymentReserved))
    first = next(send for send in given.sends if isinstance(send.message, BookingConfirmed))
    given.now += timedelta(days=1)
    given.request().expect(BookingConfirmed)
    assert given.sends == [first]


@pytest.mark.parametrize("replies", [(), (held(),)], ids=["rooms", "money"])
def test_a_repetition_before_the_outcome_is_answered_too(given: Given, replies: tuple[Any, ...]) -> None:
    given.request()
    for reply in replies:
        given.reply(reply)
    before = given.saga.state
    given.request().expect()
    answer = given.the(BookingProgressed)
    assert (answer.request_id, answer.step) == ("r1", "accepted")
    assert answer.details == {"repeated": True, "under_way": before.progress.step}
    assert given.saga.state == before


def test_what_is_wrong_with_a_repetition_before_the_outcome_changes_nothing(given: Given) -> None:
    given.request()
    invalid = parse_message(BookingRequested.type_name, orjson.dumps(wanted() | {"check_in": "soon"}))
    assert isinstance(invalid, Invalid)
    message = read_invalid(invalid)
    assert isinstance(message, RequestInvalid)
    (sent,) = handlers.refuse_invalid(given.bookings, message, START)
    assert isinstance(sent, BookingProgressed)


def test_names_that_nobody_knows_are_told_back(given: Given) -> None:
    given.request(request(loyalty=7, rooms=[room(3), room(3), room(2, view="sea")]))
    assert given.the(BookingProgressed).details == {"ignored": ["loyalty", "rooms.2.view"]}
    given.reply(held()).reply(answer_of(PaymentReserved))
    assert given.the(BookingConfirmed).ignored == ("loyalty", "rooms.2.view")


SLIP = {"method": "bank_transfer", "amount": "690.00", "slip_date": START.date().isoformat()}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slip_amount": "172.50"}, "payment.amount"),
        ({"slip_date": (START + timedelta(days=2)).date().isoformat()}, "payment.slip_date"),
        ({"slip_date": "2199-12-31"}, "payment.slip_date"),
    ],
)
def test_a_payment_that_makes_no_sense_is_refused_with_its_field(
    given: Given, change: dict[str, Any], field: str
) -> None:
    given.request(request(payment=SLIP | change)).expect(BookingRefused)
    refusal = given.the(BookingRefused).refusal
    assert (refusal.reason, refusal.details["field"]) == ("invalid_request", field)
    assert refusal.text.startswith(field)
    assert "concuerdan" in given.the(BookingRefused).text


@pytest.mark.parametrize("name", ["payment_id", "transfer_id"])
def test_without_a_contact_a_payment_s_id_alone_is_refused_with_its_field(given: Given, name: str) -> None:
    given.request(request(payment={"method": "card_link", "amount": "690.00", name: "p-1"}, contact=None))
    refusal = given.the(BookingRefused).refusal
    assert (refusal.reason, refusal.details["field"]) == ("invalid_request", "payment.payment_id")


def test_without_a_contact_a_payment_s_id_beside_a_slip_is_told_back_as_ignored(given: Given) -> None:
    given.request(request(payment=SLIP | {"transfer_id": "p-1"}, contact=None)).expect(HoldRooms)
    assert given.the(BookingProgressed).details == {"ignored": ["payment.payment_id"]}
    given.reply(held())
    assert given.the(ReservePayment).evidence.payment_id is None


@pytest.mark.parametrize(("paid_with", "ignored"), [("P-1", None), ("p2", ("payment.payment_id",))])
def test_the_id_of_another_payment_than_was_booked_on_is_told_back_as_ignored(
    given: Given, paid_with: str, ignored: tuple[str, ...] | None
) -> None:
    given.request(request(payment=SLIP | {"transfer_id": "p-1"})).reply(held())
    evidence = given.the(ReservePayment).evidence
    assert (evidence.payment_id, evidence.slip_date) == ("p-1", START.date())
    given.reply(answer_of(PaymentReserved).model_copy(update={"payment_id": paid_with}))
    assert given.the(BookingConfirmed).ignored == ignored


@pytest.mark.parametrize("name", ["payment_id", "transfer_id"])
def test_a_named_payment_is_the_evidence_with_whom_it_was_named_to(given: Given, name: str) -> None:
    payment = {"method": "card_link", "amount": "690.00", name: "p-1"}
    asked = request(payment=payment, contact={"wa_id": "+503 7123 4567"}).sent_by("gateway/bot")
    given.request(asked).reply(held())
    evidence = given.the(ReservePayment).evidence
    same_guest = RequestingContact(wa_id="50371234567")
    assert (evidence.payment_id, evidence.named_to) == ("p-1", caller_of("gateway/bot", same_guest))
    assert evidence.named_to != caller_of("gateway/other", same_guest)


def test_a_slip_of_a_day_that_has_begun_somewhere_is_taken(given: Given) -> None:
    tomorrow = (START + timedelta(hours=14)).date().isoformat()
    given.request(request(payment=SLIP | {"slip_date": tomorrow})).expect(HoldRooms)


@pytest.mark.parametrize(
    ("amount", "slip", "taken"),
    [("1.00", "690.00", False), ("689.99", "690.00", False), ("690.00", "1000.00", True), ("1.00", None, True)],
)
def test_less_than_the_rooms_cost_is_refused_where_the_slip_shows_more(
    given: Given, amount: str, slip: str | None, taken: bool
) -> None:
    """What a slip shows by itself is for payments to judge."""
    given.request(request(payment=SLIP | {"amount": amount, "slip_amount": slip})).reply(held())
    if taken:
        given.expect(ReservePayment)
        return
    given.expect(ReleaseRooms, BookingRefused)
    refusal = given.the(BookingRefused).refusal
    assert (refusal.reason, refusal.details["field"]) == ("payment_insufficient", "payment.amount")


def test_a_refused_request_again_is_refused_alike(given: Given) -> None:
    unpaid = request(payment={"method": "bank_transfer", "amount": "690.00"})
    given.request(unpaid)
    first = given.sends[-1]
    given.now += timedelta(days=1)
    given.request(unpaid).expect(BookingRefused)
    assert given.sends == [first]


def test_a_request_that_is_refused_or_known_takes_no_codes(given: Given) -> None:
    codes = [*given.bookings.codes["las-hojas"]]
    given.request(request(check_out="2026-03-10"))
    assert given.bookings.codes["las-hojas"] == codes
    given.request(request("r2"))
    given.request(request("r2"))
    assert given.bookings.codes["las-hojas"] == codes[3:]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"payment": {"method": "bank_transfer", "amount": "690.00"}}, "payment_missing"),
        ({"payment": {"method": "card_link", "amount": "690.00"}}, "payment_missing"),
        ({"check_out": "2026-03-15"}, "invalid_request"),
        ({"check_out": "2026-03-10"}, "invalid_request"),
        ({"property_id": "elsewhere"}, "unknown_property"),
    ],
)
def test_refused_at_once(given: Given, more: dict[str, Any], reason: str) -> None:
    given.request(request(**more)).expect(BookingRefused)
    assert given.the(BookingRefused).refusal.reason == reason
    assert given.status is Status.REJECTED


def test_a_card_s_number_is_evidence_enough(given: Given) -> None:
    paid = {"method": "CompraClick", "amount": "690.00", "authorization_number": "A7"}
    given.request(request(payment=paid)).reply(held()).expect(ReservePayment)
    assert given.the(ReservePayment).evidence.authorization_number == "A7"


@pytest.mark.parametrize(
    ("switch", "listed", "rooms", "taken"),
    [
        (MultiRoom.OFF, set(), 3, False),
        (MultiRoom.OFF, set(), 1, True),
        (MultiRoom.LISTED, set(), 3, False),
        (MultiRoom.LISTED, {"ana@example.com"}, 3, True),
        (MultiRoom.LISTED, {"Ana@Example.com"}, 3, True),
        (MultiRoom.LISTED, {"50371234567"}, 3, True),
        (MultiRoom.ON, set(), 3, True),
    ],
)
def test_several_rooms_can_be_switched_off(switch: MultiRoom, listed: set[str], rooms: int, taken: bool) -> None:
    property_ = Property("las-hojas", "x", "UTC", multi_room=switch, multi_room_guests=frozenset(listed))
    given = Given(property_).request(request(rooms=[room(2)] * rooms))
    given.expect(HoldRooms if taken else BookingRefused)
    if not taken:
        assert given.the(BookingRefused).refusal.reason == "multi_room_disabled"
        assert not [send for send in given.sends if isinstance(send.message, BookingProgressed)]


def test_a_property_s_policy_holds_unless_the_request_has_its_own() -> None:
    property_ = Property("las-hojas", "x", "UTC", policy=Policy.BEST_EFFORT)
    assert Given(property_).request().the(HoldRooms).policy is Policy.BEST_EFFORT
    own = Given(property_).request(request(policy="all_or_nothing"))
    assert own.the(HoldRooms).policy is Policy.ALL_OR_NOTHING


def flat() -> dict[str, Any]:
    """One room as older gateways write it."""
    return {
        "request_id": "r1",
        "customer_name": "Ana López",
        "email": "ana@example.com",
        "phone_number": "+50371234567",
        "check_in_date": "2026-03-15",
        "check_out_date": "2026-03-16",
        "package_type": "Las Hojas",
        "bungalow_type": "Junior",
        "adults": 2,
        "children_0_5": 1,
        "children_6_10": 0,
        "payment_method": "Depósito BAC",
        "payment_amount": "172.50",
        "slip_date": "2026-03-10",
        "wa_id": "50371234567",
        "force_process": True,
    }


def test_the_flat_form_is_a_list_of_one() -> None:
    listed = wanted(rooms=[room(2, children_0_to_5=1)])
    listed["payment"] = {"method": "bank_transfer", "amount": "172.50", "slip_date": "2026-03-10"}
    found = BookingRequested.model_validate(flat())
    assert found.ignored == ("force_process",)
    assert found == BookingRequested.model_validate(listed | {"force_process": 1})


@pytest.mark.parametrize("name", ["rooms", "room_bookings", "bookings"])
def test_a_list_wins_over_the_flat_fields(name: str) -> None:
    rooms = [{"bungalow_type": "Familiar", "adults": 2, "children_0_5": 0, "children_6_10": 1}]
    request_ = BookingRequested.model_validate(flat() | {name: rooms})
    assert [(one.type, one.children_6_to_10) for one in request_.rooms] == [("Familiar", 1)]


@pytest.mark.parametrize("rooms", [[], {}, "Junior"])
def test_an_empty_list_is_refused_even_beside_flat_fields(rooms: Any) -> None:
    body = orjson.dumps(flat() | {"rooms": rooms})
    assert isinstance(parse_message(BookingRequested.type_name, body), Invalid)


@pytest.mark.parametrize("missing", ["guest", "check_in", "check_out", "package", "rooms", "payment"])
def test_what_is_required_is_named(given: Given, missing: str) -> None:
    body = {name: value for name, value in wanted().items() if name != missing}
    invalid = parse_message(BookingRequested.type_name, orjson.dumps(body), "event")
    assert isinstance(invalid, Invalid)
    message = read_invalid(invalid)
    assert isinstance(message, RequestInvalid)
    (sent,) = handlers.refuse_invalid(given.bookings, message, START)
    refused = Outgoing.of(sent).message
    assert isinstance(refused, BookingRefused)
    assert refused.booking_id == ID
    assert missing in refused.refusal.text
    assert refused.refusal.reason == ("payment_missing" if missing == "payment" else "invalid_request")


@pytest.mark.parametrize("missing", ["type", "adults"])
def test_what_a_room_needs(missing: str) -> None:
    rooms = [{name: value for name, value in room().items() if name != missing}]
    with pytest.raises(ValidationError, match=missing):
        request(rooms=rooms)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"text"', b"\xff\xfe", b'{"request_id": {"a": 1}}'])
def test_any_bytes_are_answered(body: bytes) -> None:
    invalid = parse_message(BookingRequested.type_name, body, "event-1")
    assert isinstance(invalid, Invalid)
    assert isinstance(read_invalid(invalid), RequestInvalid)
