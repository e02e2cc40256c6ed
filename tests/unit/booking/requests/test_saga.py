"""The saga of a request as given, reply, expect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.booking.app import build
from services.booking.record.states import Status
from services.booking.requests.saga.messages import HOLD_MARGIN
from services.booking.requests.saga.table import BOOKING_REQUEST
from shared.contracts.availability import (
    BookRooms,
    ExtendHold,
    FreeRooms,
    HoldRooms,
    OrderRooms,
    ReleaseRooms,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
    RoomsOrdered,
)
from shared.contracts.booking import (
    STEPS,
    BookingConfirmed,
    BookingFailed,
    BookingProgressed,
    BookingRefused,
    PaymentSearchStarted,
)
from shared.contracts.booking.lifecycle import PaymentEscalated
from shared.contracts.common import RefusalDetails
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
from shared.saga.table import Kind, Step
from tests.support.builders.bookings import CODES, NOT_BOOKED, answer_of, held
from tests.support.builders.given_booking import ID, Given
from tests.support.doubles.transport import START
from tests.support.paths import ROOT


@pytest.fixture
def given() -> Given:
    return Given()


def reserved(**more: Any) -> PaymentReserved:
    facts = {"booking_id": ID, "payment_id": "p1", "amount": "690.00"}
    return PaymentReserved.model_validate(facts | more)


def awaited(stage: int, *, opens: bool, **more: Any) -> PaymentAwaited:
    later = START + timedelta(minutes=5)
    facts = {"booking_id": ID, "stage": stage, "attempt": 1, "next_attempt_at": later, "keep_until": later}
    return PaymentAwaited.model_validate(facts | {"keep_rooms": True, "opens_stage": opens} | more)


def test_all_the_way(given: Given) -> None:
    given.request().expect(HoldRooms)
    given.reply(held()).expect(ReservePayment)
    assert given.the(ReservePayment).amount == 690
    given.reply(reserved()).expect(BookingConfirmed, BookRooms, CapturePayment)
    assert given.status is Status.CONFIRMED
    assert given.the(BookRooms).codes == {"18": "HR26181", "19": "HR26182", "20": "HR26183"}
    assert given.the(CapturePayment).codes == CODES
    for answer in ("RoomsBooked", "PaymentCaptured", "GuestNotified", "ConversationLinked"):
        kind = next(step.done for step in BOOKING_REQUEST.retriables if step.done and step.done.__name__ == answer)
        given.reply(answer_of(kind)).expect()
    assert given.saga.progress.phase == "ended"


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
    others = tuple(one.model_copy(update={"room": f"5{one.line}"}) for one in held().rooms)
    given.reply(held(rooms=others)).expect(BookingConfirmed, BookRooms, CapturePayment)
    assert [(one.room, one.code) for one in given.the(BookingConfirmed).rooms] == list(
        zip(["51", "52", "53"], CODES, strict=True)
    )


def test_a_late_reply_to_the_first_hold_is_none_to_the_second(given: Given) -> None:
    given.request().reply(held()).reply(awaited(3, opens=True, keep_rooms=False)).reply(reserved())
    given.reply(held(holding=1)).expect()
    given.reply(RoomsNotHeld(booking_id=ID, refusal=NOT_BOOKED, holding=1)).expect()
    given.time_out().expect(FreeRooms, ReleasePayment, ReleaseRooms, BookingFailed, StaffAlerted)
    undoing = given.saga.progress.pending
    assert given.reply(RoomsFreed(booking_id=ID, holding=1)).saga.progress.pending == undoing
    assert given.reply(RoomsFreed(booking_id=ID, holding=2)).saga.progress.pending == undoing[1:]


def test_a_late_word_of_an_earlier_stage_shortens_no_wait(given: Given) -> None:
    given.request().reply(held()).reply(awaited(3, opens=True, keep_until=START + timedelta(hours=9)))
    given.reply(awaited(1, opens=False))
    assert given.saga.progress.wake_at == START + timedelta(hours=9)


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


def test_a_payment_that_is_reserved_too_late_changes_nothing(given: Given) -> None:
    before = given.request().reply(held()).time_out().saga.state
    assert given.reply(reserved()).expect().saga.state is before


def test_codes_are_given_when_a_request_is_accepted_one_for_each_line(given: Given) -> None:
    assert given.request().saga.data.codes == {1: "HR26181", 2: "HR26182", 3: "HR26183"}
    two_rooms = held(adults=(3, 3)).rooms[::-1]
    given.reply(held(rooms=two_rooms)).reply(reserved())
    assert [(one.line, one.code) for one in given.the(BookingConfirmed).rooms] == [(2, "HR26182"), (1, "HR26181")]
    assert given.the(CapturePayment).codes == ("HR26182", "HR26181")


def test_rooms_of_an_external_system_have_its_codes(given: Given) -> None:
    given.request().reply(held(outside=True)).reply(reserved()).expect(ExtendHold, OrderRooms)
    given.reply(answer_of(RoomsOrdered)).expect(BookingConfirmed, BookRooms, CapturePayment)
    assert given.the(CapturePayment).codes == ("PM1", "PM2", "PM3")
    assert given.the(BookRooms).codes == {"18": "PM1", "19": "PM2", "20": "PM3"}


def test_an_expired_hold_fails_the_booking_only_before_its_pivot(given: Given) -> None:
    given.request().reply(held()).expire().expect(ReleasePayment, ReleaseRooms, BookingFailed)
    confirmed = Given().request().reply(held()).reply(reserved())
    confirmed.expire().expect()
    assert confirmed.status is Status.CONFIRMED


def test_an_expired_hold_of_nobody_is_given_back(given: Given) -> None:
    given.expire().expect(ReleaseRooms)


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
    given = Given()
    given.bookings.sagas.tables = build().routes.repository._tables  # type: ignore[attr-defined]
    given.request()
    assert given.saga.progress.wake_at == START + timedelta(seconds=7)
    given.reply(answer_of(RoomsHeld)).reply(answer_of(PaymentReserved))
    assert given.saga.progress.wake_at == START + timedelta(seconds=7)


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1e9"])
def test_a_patience_that_makes_no_sense_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("POSADA_SAGA_PATIENCE_SECONDS", seconds)
    with pytest.raises(ValidationError, match="saga_patience_seconds"):
        build()


@pytest.mark.parametrize("step", BOOKING_REQUEST.steps, ids=lambda step: step.name)
def test_every_reported_step_is_listed_for_gateways_and_urgent_before_the_outcome(
    given: Given, step: Step[Any]
) -> None:
    listed = (ROOT / "docs/gateways.md").read_text()
    for event in step.report(given.request().saga.data, START):
        assert isinstance(event, BookingProgressed)
        assert event.step in STEPS
        assert f"`{event.step}`" in listed
        assert event.is_urgent == (step.kind is Kind.COMPENSABLE)
