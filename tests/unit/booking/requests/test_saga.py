"""The multi-room saga as given, expect, reply; and what booking answers to every kind of request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.booking.app import build
from services.booking.lifecycle.states import FOLLOWS, Status, check_follows
from services.booking.requests import handlers
from services.booking.requests.invalid import read_invalid
from services.booking.requests.property import MultiRoom, Property
from services.booking.requests.saga import HOLD_MARGIN
from services.booking.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    BookRooms,
    ExtendHold,
    FreeRooms,
    HoldExpired,
    HoldRooms,
    ReleaseRooms,
    RoomsBooked,
    RoomsHeld,
    RoomsNotHeld,
)
from shared.contracts.booking import (
    BookingConfirmed,
    BookingFailed,
    BookingProgressed,
    BookingRefused,
    BookingRequested,
    PaymentSearchStarted,
    RequestInvalid,
    SagaDue,
    booking_id_of,
)
from shared.contracts.booking.lifecycle import PaymentEscalated
from shared.contracts.common import Policy, RefusalDetails
from shared.contracts.conversations import ConversationLinked
from shared.contracts.notifications import GuestNotified, StaffAlerted
from shared.contracts.payments import (
    CapturePayment,
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReserved,
    ReleasePayment,
    ReservePayment,
)
from shared.errors import Refusal
from shared.messages.inbound import Invalid, parse_message
from shared.messages.message import Message, Outgoing
from tests.support.builders.bookings import CODES, answer_of, held, request, room, wanted
from tests.support.doubles.transport import START

ID = booking_id_of("r1")
HOUSE = Property("las-hojas", "Las Hojas Resort", "America/El_Salvador")


@dataclass
class Given:
    """A booking service without a database: reply to it, and expect what it sends."""

    house: Property = HOUSE
    bookings: UnitOfWork = field(init=False)
    sends: list[Outgoing] = field(default_factory=list)
    now: Any = START

    def __post_init__(self) -> None:
        self.bookings = UnitOfWork({self.house.id: self.house}, self.house.id)
        self.bookings.codes = {ID: CODES}

    def request(self, asked: BookingRequested | None = None) -> Given:
        return self._take(handlers.request_booking, asked or request())

    def reply(self, message: Any) -> Given:
        special = {PaymentReserved: handlers.take_payment, RoomsHeld: handlers.take_rooms}
        return self._take(special.get(type(message), handlers.take_reply), message)

    def time_out(self) -> Given:
        progress = self.bookings.saga(ID).turn.progress  # type: ignore[union-attr]
        self.now = progress.wake_at or self.now
        return self._take(handlers.wake_saga, SagaDue(booking_id=ID))

    def expire(self) -> Given:
        event = HoldExpired(booking_id=ID, property_id="las-hojas", expired_at=self.now)
        return self._take(handlers.take_expiry, event)

    def expect(self, *kinds: type[Message]) -> Given:
        assert [type(send.message) for send in self.sends if not isinstance(send.message, BookingProgressed)] == list(
            kinds
        )
        return self

    def the(self, kind: type[Message]) -> Any:
        (found,) = [send.message for send in self.sends if isinstance(send.message, kind)]
        return found

    @property
    def status(self) -> Status:
        return self.bookings.changes[ID].new

    def _take(self, handle: Any, message: Any) -> Given:
        self.sends = [Outgoing.of(send) for send in handle(self.bookings, message, self.now)]
        return self


@pytest.fixture
def given() -> Given:
    return Given()


def reserved(**more: Any) -> PaymentReserved:
    facts = {"booking_id": ID, "payment_id": "p1", "amount": "690.00"}
    return PaymentReserved.model_validate(facts | more)


def awaited(stage: int, *, opens: bool, keep_rooms: bool = True, escalated: bool = False) -> PaymentAwaited:
    later = START + timedelta(minutes=5)
    return PaymentAwaited(
        booking_id=ID,
        stage=stage,
        attempt=1,
        next_attempt_at=later,
        keep_until=later,
        keep_rooms=keep_rooms,
        opens_stage=opens,
        escalated=escalated,
    )


def test_all_the_way(given: Given) -> None:
    given.request().expect(HoldRooms)
    given.reply(held()).expect(ReservePayment)
    assert given.the(ReservePayment).amount == 690
    given.reply(reserved()).expect(BookingConfirmed, BookRooms, CapturePayment)
    assert given.status is Status.CONFIRMED
    assert given.the(BookRooms).codes == {"18": "HR26181", "19": "HR26182", "20": "HR26183"}
    assert given.the(CapturePayment).codes == CODES
    for answer in ("RoomsBooked", "PaymentCaptured", "GuestNotified", "ConversationLinked"):
        kind = next(step.done for step in handlers.MULTI_ROOM.retriables if step.done and step.done.__name__ == answer)
        given.reply(answer_of(kind)).expect()
    assert given.bookings.saga(ID).turn.progress.phase == "ended"  # type: ignore[union-attr]


def test_no_rooms(given: Given) -> None:

    given.request().reply(answer_of(RoomsNotHeld)).expect(BookingRefused)
    assert given.status is Status.REJECTED


def test_no_money(given: Given) -> None:
    given.request().reply(held()).reply(answer_of(PaymentRefused)).expect(ReleaseRooms, BookingRefused)
    assert given.the(BookingRefused).refusal.reason == "payment_used"


def test_money_that_is_never_found_is_a_failure(given: Given) -> None:
    refusal = RefusalDetails(reason="payment_not_found", text="it did not arrive")
    given.request().reply(held()).reply(PaymentRefused(booking_id=ID, refusal=refusal))
    given.expect(ReleaseRooms, BookingFailed)
    assert given.status is Status.FAILED


def test_money_that_comes_late(given: Given) -> None:
    given.request().reply(held())
    given.reply(awaited(1, opens=True)).expect(ExtendHold, PaymentSearchStarted)
    assert given.the(ExtendHold).until == START + timedelta(minutes=5) + HOLD_MARGIN
    given.reply(awaited(1, opens=False)).expect(ExtendHold)
    given.reply(reserved(found_later=True)).expect(BookingConfirmed, BookRooms, CapturePayment)
    assert given.the(BookingConfirmed).payment_found_later


def test_a_case_for_the_staff_is_told_once_under_one_id_and_instead_of_the_search(given: Given) -> None:
    given.request().reply(held()).reply(awaited(1, opens=True, escalated=True)).expect(ExtendHold, PaymentEscalated)
    assert "revisa" in given.the(PaymentEscalated).text
    (first,) = [send.id for send in given.sends if isinstance(send.message, PaymentEscalated)]
    given.reply(awaited(1, opens=True, escalated=True)).expect(ExtendHold)
    other = Given()
    other.request().reply(held()).reply(awaited(1, opens=True)).expect(ExtendHold, PaymentSearchStarted)
    other.reply(awaited(3, opens=False, escalated=True)).expect(ExtendHold, PaymentEscalated)
    assert first in {send.id for send in other.sends}
    other.reply(reserved(found_later=True)).expect(BookingConfirmed, BookRooms, CapturePayment)


def test_rooms_that_the_property_wants_freed_are_freed_once(given: Given) -> None:
    given.request().reply(held())
    given.reply(awaited(3, opens=True, keep_rooms=False)).expect(FreeRooms, PaymentSearchStarted)
    assert not given.the(PaymentSearchStarted).rooms_kept
    given.reply(awaited(3, opens=False, keep_rooms=False)).expect()
    given.expire().expect(FreeRooms)


def test_freed_rooms_are_held_again_before_the_decision(given: Given) -> None:
    given.request().reply(held()).reply(awaited(3, opens=True, keep_rooms=False))
    given.reply(reserved(found_later=True)).expect(HoldRooms)
    assert given.bookings.saga(ID).turn.data.codes == ()  # type: ignore[union-attr]
    others = tuple(one.model_copy(update={"room": f"5{one.line}"}) for one in held().rooms)
    given.reply(held(rooms=others)).expect(BookingConfirmed, BookRooms, CapturePayment)
    assert [one.room for one in given.the(BookingConfirmed).rooms] == ["51", "52", "53"]


def test_freed_rooms_that_are_gone_release_the_money_and_are_told_to_staff(given: Given) -> None:
    given.request().reply(held()).reply(awaited(3, opens=True, keep_rooms=False)).reply(reserved())
    given.reply(answer_of(RoomsNotHeld)).expect(ReleasePayment, ReleaseRooms, BookingFailed, StaffAlerted)
    assert given.the(BookingFailed).refusal.reason == "rooms_gone"
    assert given.the(StaffAlerted).details["payment_id"] == "p1"


def test_silence_while_they_are_held_again_undoes_that_too(given: Given) -> None:
    given.request().reply(held()).reply(awaited(3, opens=True, keep_rooms=False)).reply(reserved())
    given.time_out().expect(FreeRooms, ReleasePayment, ReleaseRooms, BookingFailed, StaffAlerted)


def test_silence_at_each_step_undoes_it_too(given: Given) -> None:
    given.request().time_out().expect(ReleaseRooms, BookingFailed)
    other = Given()
    other.request().reply(held()).time_out().expect(ReleasePayment, ReleaseRooms, BookingFailed)
    assert other.the(BookingFailed).refusal.reason == "timed_out"
    assert other.time_out().expect(ReleasePayment, ReleaseRooms)


def test_a_payment_that_is_reserved_too_late_gets_no_codes(given: Given) -> None:
    given.request().reply(held()).time_out().reply(reserved()).expect()
    assert given.bookings.saga(ID).turn.data.codes == ()  # type: ignore[union-attr]


def test_an_expired_hold_fails_the_booking_only_before_its_pivot(given: Given) -> None:
    given.request().reply(held()).expire().expect(ReleasePayment, ReleaseRooms, BookingFailed)
    confirmed = Given().request().reply(held()).reply(reserved())
    confirmed.expire().expect()
    assert confirmed.status is Status.CONFIRMED


def test_an_expired_hold_of_nobody_is_given_back(given: Given) -> None:
    given.expire().expect(ReleaseRooms)


def test_the_same_request_again_gets_the_first_outcome(given: Given) -> None:
    given.request().request().expect()
    given.reply(held()).reply(reserved())
    first = next(send for send in given.sends if isinstance(send.message, BookingConfirmed))
    given.now += timedelta(days=1)
    given.request().expect(BookingConfirmed)
    assert given.sends == [first]


def test_a_refused_request_again_is_refused_alike(given: Given) -> None:
    unpaid = request(payment={"method": "bank_transfer", "amount": "690.00"})
    given.request(unpaid)
    first = given.sends[-1]
    given.now += timedelta(days=1)
    given.request(unpaid).expect(BookingRefused)
    assert given.sends == [first]


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
    house = Property("las-hojas", "x", "UTC", multi_room=switch, multi_room_guests=frozenset(listed))
    given = Given(house).request(request(rooms=[room(2)] * rooms))
    given.expect(HoldRooms if taken else BookingRefused)
    if not taken:
        assert given.the(BookingRefused).refusal.reason == "multi_room_disabled"
        assert not [send for send in given.sends if isinstance(send.message, BookingProgressed)]


def test_a_property_s_policy_holds_unless_the_request_has_its_own() -> None:
    house = Property("las-hojas", "x", "UTC", policy=Policy.BEST_EFFORT)
    assert Given(house).request().the(HoldRooms).policy is Policy.BEST_EFFORT
    own = Given(house).request(request(policy="all_or_nothing"))
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
    assert BookingRequested.model_validate(flat()) == BookingRequested.model_validate(listed)


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


@pytest.mark.parametrize("missing", ["type", "adults", "children_0_to_5", "children_6_to_10"])
def test_what_a_room_needs(missing: str) -> None:
    rooms = [{name: value for name, value in room().items() if name != missing}]
    with pytest.raises(ValidationError, match=missing):
        request(rooms=rooms)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"text"', b"\xff\xfe", b'{"request_id": {"a": 1}}'])
def test_any_bytes_are_answered(body: bytes) -> None:
    invalid = parse_message(BookingRequested.type_name, body, "event-1")
    assert isinstance(invalid, Invalid)
    assert isinstance(read_invalid(invalid), RequestInvalid)


@pytest.mark.parametrize("now", list(Status))
@pytest.mark.parametrize("then", list(Status))
def test_a_booking_goes_only_where_the_table_lets_it(now: Status, then: Status) -> None:
    if then in FOLLOWS.get(now, ()):
        check_follows(now, then)
        return
    with pytest.raises(Refusal, match=f"{now} cannot become {then}") as refused:
        check_follows(now, then)
    assert refused.value.code == "illegal_transition"


def test_rooms_of_a_booking_that_was_refused_are_given_back_when_their_hold_runs_out(given: Given) -> None:
    given.request().reply(answer_of(RoomsNotHeld)).expect(BookingRefused).expire().expect(ReleaseRooms)
    assert given.the(ReleaseRooms).property_id == "las-hojas"


def test_rooms_of_a_confirmed_booking_are_not(given: Given) -> None:
    given.request().reply(held()).reply(reserved()).expire().expect()
    for kind in (RoomsBooked, PaymentCaptured, GuestNotified, ConversationLinked):
        given.reply(answer_of(kind))
    given.expire().expect()


def test_a_step_waits_as_long_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSADA_SAGA_PATIENCE_SECONDS", "7")
    table = build().routes.repository._table  # type: ignore[attr-defined]
    given = Given()
    given.bookings.table = table
    given.request()
    assert given.bookings.saga(ID).turn.progress.wake_at == START + timedelta(seconds=7)  # type: ignore[union-attr]
    given.reply(answer_of(RoomsHeld)).reply(answer_of(PaymentReserved))
    assert given.bookings.saga(ID).turn.progress.wake_at == START + timedelta(seconds=7)  # type: ignore[union-attr]


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1e9"])
def test_a_patience_that_makes_no_sense_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("POSADA_SAGA_PATIENCE_SECONDS", seconds)
    with pytest.raises(ValidationError, match="saga_patience_seconds"):
        build()
