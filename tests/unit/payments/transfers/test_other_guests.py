"""What other guests have paid and used never refuses a guest whose own money may still arrive, and is never told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.requests.request import Status
from services.payments.transfers.claim import claim_of
from services.payments.transfers.matching import MatchResult, Uses, Verdict, Why, match
from services.payments.transfers.payment import Payment, payment_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import PaymentRefused, PaymentVerified, ReservePayment, VerifyPayment
from tests.support.builders.payments import (
    NOW,
    SLIP_DATE,
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

TOLERANCE = 3
ANA, LUIS = {"payer": "Ana Paz"}, {"payer": "Luis Mora"}


def arrived(*args: Any, used: str = "0.00", **facts: Any) -> Payment:
    payment = payment_of(transfer(*args, **facts), NOW)
    return replace(payment, captured=Decimal(used), captured_at=NOW if Decimal(used) else None)


def decide(command: ReservePayment, *payments: Payment, uses: Uses | None = None) -> MatchResult:
    return match(claim_of(command), payments, TOLERANCE, uses)


@pytest.mark.parametrize(
    ("line", "slip", "expected"),
    [
        ({}, {}, "not_yet"),
        (LUIS, ANA, "not_yet"),
        ({"reference": "77"}, ANA, "not_yet"),
        (LUIS, ANA | {"reference": "99"}, "not_yet"),
        (ANA | {"reference": "77"}, ANA | {"reference": "99"}, "not_yet"),
        ({"reference": "Transferencia"}, {"reference": "transferencia"}, "not_yet"),
        ({"payer": "María"}, {"payer": "MARIA"}, "not_yet"),
        (ANA, ANA, "used"),
        ({"payer": "PAZ, ANA LUCIA"}, ANA, "used"),
        ({"reference": "TEF 0077"}, {"reference": "77"}, "used"),
        (LUIS | {"reference": "77"}, ANA | {"reference": "77"}, "used"),
    ],
)
def test_a_used_payment_refuses_only_the_guest_whose_it_is(
    line: dict[str, str], slip: dict[str, str], expected: str
) -> None:
    assert decide(reserve(**slip), arrived("A", used="690.00", **line)).verdict == expected
    part = decide(reserve(**slip), arrived("A", used="0.01", **line)).verdict
    assert part == ("too_little" if expected == "used" else "not_yet")


@pytest.mark.parametrize(
    ("used_for", "slip", "expected"),
    [
        pytest.param(ANA, ANA, "used", id="the same slip again"),
        pytest.param(ANA | {"reference": "1"}, ANA | {"reference": "2"}, "not_yet", id="another slip by its reference"),
        pytest.param(ANA | {"reference": "1"}, ANA | {"reference": "TEF 1"}, "used", id="the same reference"),
        pytest.param(ANA | {"slip_date": SLIP_DATE - timedelta(days=1)}, ANA, "not_yet", id="the slip of another day"),
        pytest.param(LUIS, ANA, "not_yet", id="another guest's booking took it"),
    ],
)
def test_what_used_a_payment_says_which_slip_that_was(
    used_for: dict[str, Any], slip: dict[str, str], expected: str
) -> None:
    line = arrived("A", used="690.00", payer="Ana Paz")
    uses = {line.id: [claim_of(reserve("earlier", **used_for))]}
    assert decide(reserve(**slip), line, uses=uses).verdict == expected


def test_a_payment_of_others_that_is_used_is_no_reason_that_another_fits_better() -> None:
    (reasons,) = decide(reserve(**ANA), arrived("A", used="690.00", **LUIS)).considered
    assert reasons.cons == (Why.USED_UP,)


def test_a_word_that_stands_on_many_slips_hides_no_money() -> None:
    others = arrived("A", used="690.00", reference="Transferencia", **LUIS)
    own = arrived("B", **ANA)
    command = reserve(reference="Transferencia", **ANA)
    assert decide(command, others, own).payment == own
    assert UnitOfWork(TERMS, (), [others, own]).match(claim_of(command)).payment == own


def test_several_of_others_leave_the_search_going() -> None:
    decision = decide(reserve(payer="Eva Gil"), arrived("A", **ANA), arrived("B", **LUIS))
    assert (decision.verdict, decision.final, decision.ends_attempt) == (Verdict.AMBIGUOUS, False, False)
    decision = decide(reserve(payer="Eva Gil"), arrived("A", **ANA), arrived("B"))
    assert (decision.verdict, decision.final) == (Verdict.AMBIGUOUS, True), "one of them may be this guest's"


words = some.sampled_from([None, "77", "078", "TEF 77", "Transferencia", "Ana Paz", "Luis Paz", "María"])
amounts = some.sampled_from(["300.00", "690.00"])
dates = some.integers(-4, 4).map(lambda days: SLIP_DATE + timedelta(days=days))
sums = some.sampled_from(["0.00", "50.00", "300.00", "690.00"])
slips = some.builds(
    reserve,
    amount=amounts,
    payer=some.sampled_from(["Ana Paz", "María"]),  # of a booking it is always known: the guest's, unless told
    reference=some.sampled_from([None, "77", "Transferencia"]),
)
anybodys = some.builds(
    lambda number, amount, used, **facts: arrived(number, amount, used=min(used, amount, key=Decimal), **facts),
    some.uuids().map(str),
    amounts,
    sums,
    posted_on=dates,
    payer=words,
    reference=words,
)
# Other people's: another payer and another reference than any slip's above.
strangers = some.builds(
    lambda number, amount, used, **facts: arrived(number, amount, used=min(used, amount, key=Decimal), **facts),
    some.uuids().map(str),
    amounts,
    sums,
    posted_on=dates,
    payer=some.sampled_from(["Luis Mora", "EVA GIL", "Carlos Ruiz"]),
    reference=some.sampled_from([None, "Transferencia", "4711", "TEF 815"]),
)


@given(slips, some.lists(anybodys, max_size=5), some.lists(strangers, max_size=60))
def test_payments_of_others_never_turn_not_yet_into_a_refusal(
    command: ReservePayment, there: list[Payment], others: list[Payment]
) -> None:
    if decide(command, *there).verdict is Verdict.NOT_YET:
        after = decide(command, *there, *others)
        assert after.verdict is Verdict.FOUND or not after.final
        indexed = UnitOfWork(TERMS, (), [*there, *others]).match(claim_of(command))
        assert indexed.verdict is Verdict.FOUND or not indexed.final


@given(slips, some.lists(anybodys, max_size=5), some.lists(strangers, max_size=60))
def test_what_others_have_used_decides_nothing(
    command: ReservePayment, there: list[Payment], others: list[Payment]
) -> None:
    spent = [replace(one, captured=one.amount, captured_at=NOW) for one in others]
    before, after = decide(command, *there), decide(command, *there, *spent)
    assert (before.verdict, before.payment, before.lacking) == (after.verdict, after.payment, after.lacking)


def test_a_late_payer_waits_while_others_use_the_same_amount() -> None:
    """As many hotels sell: one price all week, and each guest's money comes when it comes."""
    desk = Desk()
    desk.tell(transfer("T1", **LUIS), reserve("luis", **LUIS), capture("luis", "HR1"))
    assert names(desk.tell(reserve("ana", **ANA))) == ["PaymentAwaited"]
    assert names(desk.tell(search("ana"))) == ["PaymentAwaited"]
    assert names(desk.tell(transfer("T2", **ANA))) == ["PaymentReserved"]


def test_the_same_guest_comes_again_with_another_slip() -> None:
    """As in the README: the bank gives no reference, the two slips do."""
    desk = Desk()
    desk.tell(transfer("T1", **ANA), reserve("one", reference="TEF 1", **ANA), capture("one", "HR1"))
    again = desk.tell(reserve("two", reference="TEF 2", **ANA))
    assert names(again) == ["PaymentAwaited"]
    assert names(desk.tell(transfer("T2", **ANA))) == ["PaymentReserved"]
    assert refusal(desk.tell(reserve("three", reference="TEF 2", **ANA)))[0] == "payment_used"


def test_who_lost_the_money_to_another_booking_gets_what_comes_for_that_one() -> None:
    desk = Desk()
    desk.tell(transfer("T1", **ANA), reserve("luis", **LUIS), capture("luis", "HR1"))
    assert names(desk.tell(reserve("ana", **ANA))) == ["PaymentAwaited"], "never the codes of Luis"
    assert names(desk.tell(transfer("T2", **LUIS))) == ["PaymentReserved"]
    assert desk.uow.requests[booking("ana")].status is Status.RESERVED


@pytest.mark.parametrize(("payer", "told_codes"), [("Ana Paz", True), (None, True), ("Luis Mora", False)])
def test_a_card_that_another_guest_used_is_refused_without_its_codes(payer: str | None, told_codes: bool) -> None:
    def by_card(name: str, payer: str | None) -> ReservePayment:
        command = reserve_by_card(name)
        return command.model_copy(update={"evidence": command.evidence.model_copy(update={"payer": payer})})

    desk = told(card(), by_card("first", "Ana Paz"), capture("first", "HR1"))
    (reply,) = desk.tell(by_card("second", payer))
    assert isinstance(reply, PaymentRefused)
    assert reply.refusal.reason == "payment_used"
    assert ("HR1" in reply.model_dump_json()) is told_codes
    assert ("marzo" in reply.refusal.text) is told_codes
    question = VerifyPayment(request_id="q", authorization_number="A7", payer=payer)
    (answer,) = desk.tell(question)
    assert isinstance(answer, PaymentVerified)
    assert ("HR1" in answer.model_dump_json()) is told_codes


def test_a_question_by_a_slip_alone_is_told_nothing_of_anybody() -> None:
    desk = told(transfer(**ANA), reserve(**ANA), capture("first", "HR1"))
    facts = {"request_id": "q", "slip_date": SLIP_DATE, "slip_amount": "690.00"}
    (answer,) = desk.tell(VerifyPayment(**facts))
    assert isinstance(answer, PaymentVerified)
    assert (answer.result, answer.payment_id, answer.codes) == ("not_yet", None, ())
    (answer,) = desk.tell(VerifyPayment(**facts, **ANA))
    assert isinstance(answer, PaymentVerified)
    assert (answer.result, answer.codes) == ("used", ("HR1",))


def test_a_method_that_no_slip_means_speaks_for_nobody() -> None:
    paid = replace(arrived("A", used="690.00", **ANA), method=PaymentMethod.CARD_LINK)
    assert decide(reserve(**ANA), paid).verdict is Verdict.NOT_YET
