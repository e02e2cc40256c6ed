"""What payments does with money that is there, given, when, then: pure functions over a world in memory."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.requests.request import OutOfTurn
from services.payments.requests.terms import PropertyTerms, Terms, Unfound
from services.payments.transfers.ledger import audit
from services.payments.transfers.payment import Contradiction, MoneyError, balance_of
from shared.contracts.common import Language, PaymentMethod
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import (
    Evidence,
    MarkFrustrated,
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
    SearchDue,
    StaffDue,
    WithdrawPayment,
)
from shared.errors import Refusal
from shared.messages.message import Message
from tests.support.builders.payments import (
    NOW,
    TERMS,
    booking,
    capture,
    card,
    promised,
    release,
    reserve,
    reserve_by_card,
    search,
    summed,
    transfer,
)
from tests.support.doubles.payments_handlers import TABLE, Desk, names, refusal, told


class TestReservePayment:
    def test_takes_the_whole_amount_from_money_that_arrived(self) -> None:
        desk = told(transfer())
        (reply,) = desk.tell(reserve())
        assert isinstance(reply, PaymentReserved)
        assert (reply.amount, reply.found_later) == (Decimal("690.00"), False)
        assert desk.left() == 0

    def test_leaves_the_rest_on_the_payment_for_other_bookings(self) -> None:
        desk = told(transfer(amount="1000.00"))
        first = desk.tell(reserve("first", "690.00", slip_amount="1000.00"))
        second = desk.tell(reserve("second", "310.00", slip_amount="1000.00"))
        assert names(first + second) == ["PaymentReserved", "PaymentReserved"]
        assert desk.left() == 0

    @pytest.mark.parametrize("setup", [[transfer()], [], [transfer("A"), transfer("B")]], ids=["kept", "late", "odd"])
    def test_asked_twice_answers_the_same_and_takes_nothing_more(self, setup: list[Message]) -> None:
        desk = told(*setup)
        first = desk.tell(reserve())
        before, timers = dict(desk.uow.payments), len(desk.timers)
        assert desk.tell(reserve()) == first[:1]
        assert desk.uow.payments == before
        assert len(desk.timers) == timers

    def test_after_a_capture_still_answers_that_it_is_reserved(self) -> None:
        assert names(told(transfer(), reserve(), capture()).tell(reserve())) == ["PaymentReserved"]

    def test_two_bookings_race_for_one_payment_and_one_wins(self) -> None:
        ana = {"payer": "Ana Paz"}
        won, lost = told(transfer(**ana)).tell(reserve("first", **ana), reserve("second", **ana))
        assert isinstance(won, PaymentReserved)
        assert refusal([lost])[0] == "payment_used"
        assert refusal([lost])[1]["codes_text"] == "N/A"
        assert "N/A" not in lost.refusal.text

    def test_refuses_a_slip_below_the_cost_with_the_difference(self) -> None:
        reason, details = refusal(told(transfer(amount="600.00")).tell(reserve(slip_amount="600.00")))
        assert (reason, details["difference"]) == ("payment_insufficient", "90.00")

    def test_refuses_a_card_of_which_too_little_is_left_with_the_difference(self) -> None:
        desk = told(card(amount="1000.00"), reserve_by_card("first", "700.00"))
        reason, details = refusal(desk.tell(reserve_by_card("second", "690.00")))
        assert (reason, details["difference"], details["left"]) == ("payment_insufficient", "390.00", "300.00")

    def test_refuses_used_money_with_its_codes_and_the_date_where_the_property_is(self) -> None:
        desk = told(transfer(reference="77"), reserve("first", reference="77"))
        desk.clock.now = NOW.replace(hour=23) + timedelta(hours=5)  # the 16th in UTC, the 15th at the beach
        desk.tell(capture("first"))
        (reply,) = desk.tell(reserve("second", reference="77"))
        assert isinstance(reply, PaymentRefused)
        assert "HR26181, HR26182, HR26183 (3 habitaciones)" in reply.refusal.text
        assert "15 de marzo de 2025" in reply.refusal.text
        assert reply.refusal.details["codes"] == ["HR26181", "HR26182", "HR26183"]
        assert reply.refusal.details["used_on"] == "2025-03-15"

    def test_refuses_an_ambiguous_slip_and_shows_the_staff_both_payments(self) -> None:
        reply, alert = told(transfer("A"), transfer("B")).tell(reserve())
        assert refusal([reply])[0] == "payment_ambiguous"
        assert isinstance(alert, StaffAlerted)
        assert [payment["transfer_id"] for payment in alert.details["payments"]] == ["A", "B"]
        assert alert.details["claim"]["slip_date"] == "2025-03-14"

    def test_refuses_what_comes_without_evidence(self) -> None:
        bare = reserve().model_copy(update={"evidence": Evidence(method=PaymentMethod.CARD_LINK)})
        assert refusal(Desk().tell(bare)) == (
            "payment_missing",
            {"amount": "690.00", "currency": "USD", "missing": ["authorization_number"]},
        )

    def test_begins_to_look_for_money_that_is_not_there(self) -> None:
        desk = Desk()
        (reply,) = desk.tell(reserve())
        assert isinstance(reply, PaymentAwaited)
        assert (reply.stage, reply.attempt, reply.opens_stage) == (1, 1, True)
        assert reply.next_attempt_at == NOW + timedelta(minutes=5)
        assert reply.keep_until == NOW + timedelta(minutes=30) + TERMS.usual.hold_margin

    def test_refuses_at_once_where_a_method_is_not_looked_for_again(self) -> None:
        reply, alert = Desk(Terms(usual=PropertyTerms(schedules={}))).tell(reserve())
        assert refusal([reply])[0] == "payment_not_found"
        assert isinstance(alert, StaffAlerted)

    def test_is_refused_in_english_where_the_property_says_so(self) -> None:
        desk = Desk(Terms(language=Language.ENGLISH))
        (reply,) = desk.tell(reserve(slip_amount="1.00"))
        assert isinstance(reply, PaymentRefused)
        assert reply.refusal.text == "Your payment is too small: $689.00 of $690.00 are missing."


class TestCapturePayment:
    def test_takes_the_money_and_writes_all_codes_at_once(self) -> None:
        desk = told(transfer(), reserve())
        (reply,) = desk.tell(capture("first", " HR1 ", "", "HR2"))
        assert isinstance(reply, PaymentCaptured)
        (payment,) = desk.uow.payments.values()
        assert (payment.reserved, payment.captured, payment.codes) == (0, Decimal("690.00"), ("HR1", "HR2"))

    def test_done_twice_answers_the_same_and_writes_no_code_twice(self) -> None:
        desk = told(transfer(), reserve())
        assert desk.tell(capture()) == desk.tell(capture())
        (payment,) = desk.uow.payments.values()
        assert payment.codes == ("HR26181", "HR26182", "HR26183")

    @pytest.mark.parametrize(
        "before",
        [[], [reserve()], [transfer(), reserve(), release()], [release()], [reserve(slip_amount="1")]],
        ids=["unknown", "waiting", "released", "tombstone", "refused"],
    )
    def test_of_what_is_not_reserved_is_a_fault(self, before: list[Message]) -> None:
        desk = told(*before)
        with pytest.raises(OutOfTurn):
            desk.tell(capture())


class TestReleasePayment:
    def test_gives_everything_back(self) -> None:
        desk = told(transfer(), reserve())
        (reply,) = desk.tell(release())
        assert isinstance(reply, PaymentReleased)
        assert reply.amount == desk.left() == Decimal("690.00")
        assert names(desk.tell(reserve("second"))) == ["PaymentReserved"]

    def test_done_twice_answers_the_same_and_gives_nothing_back_twice(self) -> None:
        desk = told(transfer(amount="2000.00"), reserve("first", slip_amount="2000.00"))
        desk.tell(reserve("second", slip_amount="2000.00"))
        assert desk.tell(release("first")) == desk.tell(release("first"))
        assert desk.left() == Decimal("1310.00")

    def test_that_comes_before_its_request_leaves_a_tombstone(self) -> None:
        desk = told(transfer())
        (reply,) = desk.tell(release())
        assert isinstance(reply, PaymentReleased)
        assert reply.amount == 0
        assert refusal(desk.tell(reserve()))[0] == "payment_released"
        assert desk.left() == Decimal("690.00")

    def test_ends_the_search(self) -> None:
        desk = told(reserve())
        assert names(desk.tell(release(), transfer(), search())) == ["PaymentReleased"]
        assert desk.left() == Decimal("690.00")

    def test_of_a_refused_request_keeps_its_reason(self) -> None:
        desk = told(reserve(slip_amount="1.00"), release())
        assert refusal(desk.tell(reserve()))[0] == "payment_insufficient"

    def test_of_captured_money_is_a_fault(self) -> None:
        with pytest.raises(OutOfTurn):
            told(transfer(), reserve(), capture()).tell(release())


def test_every_command_has_a_handler_of_its_name() -> None:
    for message, route in TABLE.items():
        snake = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in message.__name__).strip("_")
        assert route.handle.__name__ == snake


bookings = some.sampled_from(["a", "b", "c", "d"])
steps = some.lists(
    some.one_of(
        some.builds(transfer, some.sampled_from(["T1", "T2", "T3"]), some.just("1000.00")),
        some.builds(card, some.just("A7"), some.just("1000.00")),
        some.builds(
            reserve,
            bookings,
            some.sampled_from(["0.01", "300.00", "700.00", "1000.00"]),
            slip_amount=some.just("1000.00"),
        ),
        some.builds(reserve_by_card, bookings, some.sampled_from(["300.00", "700.00"])),
        some.builds(capture, bookings),
        some.builds(release, bookings),
        some.builds(search, bookings, some.integers(1, 3), some.integers(0, 6)),
        some.builds(MarkFrustrated, booking_id=bookings.map(booking)),
        some.builds(WithdrawPayment, booking_id=bookings.map(booking)),
        some.builds(StaffDue, booking_id=bookings.map(booking)),
    ),
    max_size=40,
)


@given(steps, some.sampled_from(Unfound))
def test_whatever_happens_money_is_conserved(messages: list[Message], unfound: Unfound) -> None:
    desk = Desk(Terms(usual=PropertyTerms(unfound=unfound)))
    for message in messages:
        try:
            desk.tell(message)
        except (OutOfTurn, Contradiction, Refusal):
            continue  # a fault leaves everything as it was; MoneyError would be ours
        owed = promised(desk.uow)
        for payment in desk.uow.payments.values():
            assert payment.reserved + payment.captured == owed[payment.id]
            assert min(payment.reserved, payment.captured, payment.left) >= 0
            assert payment.reserved + payment.captured + payment.left == payment.amount
            assert audit(balance_of(payment), summed(payment.entries)) == []


@given(steps)
def test_a_second_delivery_of_anything_changes_nothing(messages: list[Message]) -> None:
    desk = Desk()
    for message in messages:
        if isinstance(message, SearchDue):
            continue  # a timer is known by its id alone
        try:
            desk.tell(message)
        except (OutOfTurn, Refusal):
            continue
        requests, payments = dict(desk.uow.requests), dict(desk.uow.payments)
        with suppress(Refusal):  # withdrawn, then told again what it is
            desk.tell(message)
        assert (desk.uow.requests, desk.uow.payments) == (requests, payments)


def test_a_payment_gives_no_more_than_it_holds() -> None:
    (payment,) = told(transfer()).uow.payments.values()
    with pytest.raises(MoneyError):
        payment.reserve(Decimal("690.01"), booking(), NOW)
    with pytest.raises(MoneyError):
        payment.capture(Decimal("0.01"), booking(), (), NOW)
    with pytest.raises(MoneyError):
        payment.release(Decimal("0.01"), booking(), NOW)


def test_where_less_was_booked_less_is_taken_and_the_rest_is_free_again() -> None:
    desk = Desk()
    desk.tell(transfer(), reserve())
    part = capture().model_copy(update={"amount": Decimal("517.50")})
    (answer,) = desk.tell(part)
    assert isinstance(answer, PaymentCaptured)
    assert answer.amount == Decimal("517.50")
    assert desk.tell(part) == [answer], "done twice, it is done once"
    (payment,) = desk.uow.payments.values()
    assert (payment.captured, payment.reserved, payment.left) == (Decimal("517.50"), 0, Decimal("172.50"))
    assert promised(desk.uow) == {payment.id: Decimal("517.50")}
    assert audit(balance_of(payment), summed(payment.entries)) == []


def test_more_than_is_reserved_is_never_taken() -> None:
    desk = Desk()
    desk.tell(transfer(amount="1000.00"), reserve(slip_amount="1000.00"))
    with pytest.raises(OutOfTurn, match=r"690.00 reserved, 700.00 cannot"):
        desk.tell(capture().model_copy(update={"amount": Decimal("700.00")}))
