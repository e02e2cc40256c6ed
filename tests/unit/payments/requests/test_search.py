"""The search for money: what arrives serves who waits for it, attempts follow the schedule, then staff is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.payments.requests.request import Status
from services.payments.requests.terms import PropertyTerms, Rooms, Terms
from services.payments.settings import OwnTerms, Settings
from services.payments.transfers.payment import Contradiction, payment_id_of
from shared.contracts.common import PaymentMethod
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import (
    PaymentAwaited,
    PaymentReserved,
    SearchDue,
)
from shared.messages.message import Message
from tests.support.builders.payments import (
    NOW,
    TERMS,
    booking,
    capture,
    card,
    reserve,
    reserve_by_card,
    search,
    transfer,
)
from tests.support.doubles.payments_handlers import Desk, names, refusal, told


class TestTransferArrived:
    def test_is_recorded_once(self) -> None:
        desk = told(transfer())
        assert desk.tell(transfer(payer="spelled otherwise")) == []
        assert len(desk.uow.payments) == 1

    def test_with_the_same_id_from_another_source_is_another_payment(self) -> None:
        assert len(told(transfer(), transfer(source="other")).uow.payments) == 2

    def test_that_contradicts_what_was_recorded_is_a_fault(self) -> None:
        with pytest.raises(Contradiction):
            told(transfer()).tell(transfer(amount="691.00"))

    def test_serves_at_once_who_waits_for_it(self) -> None:
        (reply,) = told(reserve()).tell(transfer())
        assert isinstance(reply, PaymentReserved)
        assert reply.found_later

    def test_serves_several_who_wait_as_far_as_it_goes_the_first_come_first(self) -> None:
        desk = Desk()
        for name in ("first", "second", "third"):
            desk.tell(reserve(name, "400.00", slip_amount="1000.00"))
            desk.clock.forward(timedelta(seconds=1))
        replies = desk.tell(transfer(amount="1000.00"))
        assert [reply.booking_id for reply in replies if isinstance(reply, PaymentReserved)] == [
            booking("first"),
            booking("second"),
        ]
        assert desk.uow.requests[booking("third")].status is Status.WAITING

    def test_goes_to_whose_reference_it_names_and_not_to_who_came_first(self) -> None:
        desk = told(reserve("first", reference="1"), reserve("second", reference="2"), reserve("third"))
        (reply,) = desk.tell(transfer(reference="0002"))
        assert isinstance(reply, PaymentReserved)
        assert reply.booking_id == booking("second")

    def test_goes_to_whose_payer_it_names(self) -> None:
        desk = told(reserve("first"), reserve("second", payer="Ana Paz"))
        (reply,) = desk.tell(transfer(payer="PAZ ANA"))
        assert isinstance(reply, PaymentReserved)
        assert reply.booking_id == booking("second")

    def test_too_small_a_card_ends_its_search(self) -> None:
        assert refusal(told(reserve_by_card()).tell(card(amount="1.00")))[0] == "payment_insufficient"

    def test_that_nobody_waits_for_is_only_recorded(self) -> None:
        assert told(reserve(slip_amount="700.00")).tell(transfer()) == []


class TestSearchDue:
    @pytest.mark.parametrize(
        ("request_", "attempts"),
        [(reserve(), [6, 4, 6]), (reserve_by_card(), [6, 4])],
        ids=["bank transfer", "card link"],
    )
    def test_looks_again_exactly_as_the_table_says_and_then_escalates(
        self, request_: Message, attempts: list[int]
    ) -> None:
        desk = Desk()
        heard = desk.tell(request_)
        while desk.timers:
            heard += desk.ring()
        plan = [(stage, number) for stage, most in enumerate(attempts, 1) for number in range(1, most + 1)]
        looks = [message for message in heard if isinstance(message, PaymentAwaited)]
        assert [(look.stage, look.attempt) for look in looks] == plan
        assert [look.stage for look in looks if look.opens_stage] == list(range(1, len(attempts) + 1))
        assert names(heard[-2:]) == ["PaymentRefused", "StaffAlerted"]
        pauses = [timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)]
        assert desk.clock() - NOW == sum((n * pause for n, pause in zip(attempts, pauses, strict=False)), timedelta())

    def test_finds_what_has_arrived_since(self) -> None:
        desk = told(reserve())
        desk.uow.put_payment(told(transfer()).uow.payments.popitem()[1])  # another instance recorded it
        (reply,) = desk.tell(search())
        assert isinstance(reply, PaymentReserved)
        assert reply.found_later

    def test_the_second_look_is_no_attempt(self) -> None:
        desk = told(reserve())
        assert desk.ring() == []
        assert desk.clock() == NOW + TERMS.second_look
        attempt = desk.uow.requests[booking()].attempt
        assert attempt
        assert (attempt.stage, attempt.number) == (1, 1)

    @pytest.mark.parametrize("late", [search(attempt=2), search(stage=2), search("unknown")])
    def test_a_timer_that_is_not_expected_does_nothing(self, late: SearchDue) -> None:
        desk = told(reserve())
        assert desk.tell(late) == []
        assert desk.tell(search()) != []
        assert desk.tell(search()) == []

    def test_escalates_with_everything_known(self) -> None:
        desk = told(reserve(payer="Ana Paz", reference="99"), transfer(reference="77"))
        heard: list[Message] = []
        while desk.timers:
            heard = desk.ring() or heard
        alert = heard[-1]
        assert isinstance(alert, StaffAlerted)
        assert alert.code == "payment_ambiguous"
        assert (alert.details["stage"], alert.details["attempt"]) == (3, 6)
        assert alert.details["claim"] == {
            "property_id": "las-hojas",
            "amount": "690.00",
            "currency": "USD",
            "method": "bank_transfer",
            "slip_date": "2025-03-14",
            "slip_amount": "690.00",
            "payer": "Ana Paz",
            "reference": "99",
        }
        (near,) = alert.details["payments"]
        assert (near["transfer_id"], near["against"]) == ("T1", ["other_reference"])

    def test_money_under_another_reference_and_name_is_staff_s_while_the_search_goes_on(self) -> None:
        desk = told(reserve(payer="Ana Paz", reference="99"), transfer(reference="77", payer="Luis Paz"))
        heard = desk.tell(search())
        assert names(heard) == ["PaymentAwaited", "StaffAlerted"]
        alert = heard[-1]
        assert isinstance(alert, StaffAlerted)
        assert alert.code == "payment_ambiguous"
        assert "neither its reference nor its payer agrees" in alert.text
        assert alert.details["payments"][0]["against"] == ["other_reference"]
        assert names(desk.tell(transfer("T2", reference="99"))) == ["PaymentReserved"], "the guest's own comes"
        assert desk.uow.requests[booking()].payment_id == payment_id_of("kafka", "T2")

    def test_money_of_the_guest_s_name_under_another_reference_is_taken_at_an_attempt(self) -> None:
        desk = told(reserve(payer="Ana Paz", reference="99"))
        assert desk.tell(transfer(reference="77", payer="Ana Paz")) == [], "the guest's own may still come"
        assert desk.tell(search(attempt=0)) == []
        assert names(desk.tell(search())) == ["PaymentReserved"]

    def test_two_of_one_guest_s_bookings_each_find_their_own(self) -> None:
        desk = told(reserve(payer="Ana Paz", reference="99"))
        desk.tell(transfer(reference="77", payer="Ana Paz"))
        desk.tell(reserve("second", payer="Ana Paz", reference="77"))
        desk.tell(transfer("T2", reference="99", payer="Ana Paz"))
        served = {key: desk.uow.requests[booking(key)].payment_id for key in ("first", "second")}
        assert served == {"first": payment_id_of("kafka", "T2"), "second": payment_id_of("kafka", "T1")}

    def test_ends_with_the_codes_of_money_that_turned_out_to_be_used(self) -> None:
        ana = {"payer": "Ana Paz"}
        first = reserve("first", reference="77", **ana)
        desk = told(reserve("late", **ana), first, transfer(reference="77", **ana), capture("first"))
        heard: list[Message] = []
        while desk.timers:
            heard = desk.ring() or heard
        assert refusal(heard)[0] == "payment_used"

    def test_goes_on_when_the_settings_took_its_stage_away(self) -> None:
        desk = told(reserve())
        for _ in range(12):
            desk.ring()
        first = TERMS.usual.schedule(PaymentMethod.BANK_TRANSFER)[:1]
        few = Terms(usual=PropertyTerms(schedules={PaymentMethod.BANK_TRANSFER: first}))
        desk.uow.terms = few
        assert names(desk.ring()) == ["PaymentRefused", "StaffAlerted"]


@pytest.mark.parametrize(("rooms", "kept"), [(Rooms.KEEP, {True}), (Rooms.FREE, {False})])
def test_the_property_says_whether_rooms_are_kept_in_stage_3(rooms: Rooms, kept: set[bool]) -> None:
    terms = Settings(property_terms={"las-hojas": OwnTerms(rooms_in_stage_3=rooms)}).terms()
    desk = Desk(terms)
    told = [desk.tell(reserve())]
    while desk.timers:
        told.append(desk.ring())
    awaited = [message for sent in told for message in sent if isinstance(message, PaymentAwaited)]
    assert {one.stage for one in awaited} == {1, 2, 3}
    assert {one.keep_rooms for one in awaited if one.stage < 3} == {True}
    assert {one.keep_rooms for one in awaited if one.stage == 3} == kept
