"""Which payment a claim means: tables of given slips and transfers, and what nothing may break."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.payments.transfers.claim import authorization_key, claim_of, reference_key, same_payer, same_reference
from services.payments.transfers.matching import MANY, MatchResult, Verdict, Why, match, objections
from services.payments.transfers.payment import Payment, payment_of
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.common import PaymentMethod
from shared.contracts.forms import FIRST_DAY, LAST_DAY
from shared.contracts.payments import Evidence, ReservePayment
from tests.support.builders.payments import NOW, SLIP_DATE, TERMS, booking, card, reserve, reserve_by_card, transfer

TOLERANCE = 3


def arrived(*args: Any, used: str = "0.00", **facts: Any) -> Payment:
    payment = payment_of(transfer(*args, **facts), NOW)
    return replace(payment, captured=Decimal(used), captured_at=NOW if Decimal(used) else None)


def matched(command: ReservePayment, *payments: Payment) -> MatchResult:
    return match(claim_of(command), payments, TOLERANCE)


def verdict(result: MatchResult) -> str:
    chosen = result.payment.transfer_id if result.payment else ""
    return f"{result.verdict} {chosen}".strip()


@pytest.mark.parametrize(
    ("given_payments", "evidence", "expected"),
    [
        pytest.param([], {}, "not_yet", id="nothing has arrived"),
        pytest.param([arrived("A")], {}, "found A", id="amount and date agree"),
        pytest.param([arrived("A", "690.01")], {}, "not_yet", id="a cent more is another transfer"),
        pytest.param([arrived("A", currency="EUR")], {}, "not_yet", id="another currency"),
        pytest.param([arrived("A", property_id="elsewhere")], {}, "not_yet", id="another property's account"),
        pytest.param([arrived("A", property_id="las-hojas")], {}, "found A", id="the property's own account"),
        pytest.param([arrived("A", method="card_link")], {}, "not_yet", id="a card is no transfer"),
        pytest.param([arrived("A"), arrived("B")], {}, "ambiguous", id="two alike are never guessed"),
        pytest.param(
            [arrived("A", reference="77"), arrived("B", reference="78")],
            {"reference": "078"},
            "found B",
            id="reference",
        ),
        pytest.param(
            [arrived("A", payer="LUIS PAZ"), arrived("B", payer="ANA LOPEZ GARCIA")],
            {"payer": "Ana López"},
            "found B",
            id="payer",
        ),
        pytest.param(
            [arrived("A", reference="77", payer="Luis Paz"), arrived("B", payer="Ana Paz")],
            {"reference": "77", "payer": "Ana Paz"},
            "found A",
            id="a reference says more than a payer",
        ),
        pytest.param(
            [arrived("A", payer="Ana Paz"), arrived("B", payer="Ana Paz")],
            {"payer": "Ana Paz"},
            "ambiguous",
            id="the same payer twice",
        ),
        pytest.param(
            [arrived("A", reference="77")], {"reference": "99"}, "ambiguous", id="another reference, and nobody's name"
        ),
        pytest.param(
            [arrived("A", reference="77", payer="Luis Paz")],
            {"reference": "99", "payer": "Ana Paz"},
            "ambiguous",
            id="another reference and another's name",
        ),
        pytest.param(
            [arrived("A", reference="77", payer="ANA PAZ")],
            {"reference": "99", "payer": "Ana Paz"},
            "found A",
            id="references only break ties, and its payer agrees",
        ),
        pytest.param(
            [arrived("A", reference="77"), arrived("B")],
            {"reference": "99"},
            "found B",
            id="one that does not differ is closer than one that does",
        ),
        pytest.param(
            [arrived("A", reference="77"), arrived("B", reference="78", payer="Ana Paz")],
            {"reference": "99", "payer": "Ana Paz"},
            "found B",
            id="of two with other references the payer's",
        ),
        pytest.param(
            [arrived("A", reference="TEF 0077 BAC")], {"reference": "77"}, "found A", id="a reference inside another"
        ),
        pytest.param(
            [arrived("A", reference="R-10")], {"reference": "R-1"}, "ambiguous", id="a reference begins alike"
        ),
        pytest.param([arrived("A")], {"reference": "99"}, "found A", id="a bank that gives no reference"),
        pytest.param([arrived("A", used="690.00")], {}, "not_yet", id="used up, and nothing says by whom"),
        pytest.param(
            [arrived("A", used="690.00", reference="77")],
            {"reference": "77"},
            "used A",
            id="used up under one's reference",
        ),
        pytest.param([arrived("A", used="690.00"), arrived("B")], {}, "found B", id="used up beside one with money"),
        pytest.param(
            [arrived("A", used="690.00", payer="Ana Paz"), arrived("B", payer="Luis Paz")],
            {"payer": "Ana Paz"},
            "used A",
            id="one's own used slip is no claim to another's money",
        ),
        pytest.param(
            [arrived("A", used="690.00", reference="77")],
            {"reference": "99"},
            "not_yet",
            id="another guest's slip of the same amount is used, one's own is on its way",
        ),
        pytest.param(
            [arrived("A", used="690.00", reference="77", payer="Ana Paz")],
            {"reference": "99", "payer": "Ana Paz"},
            "not_yet",
            id="the same guest's earlier slip is used, the new one is on its way",
        ),
        pytest.param(
            [arrived("A", used="0.01", reference="7")], {"reference": "7"}, "too_little A", id="a cent is missing"
        ),
        pytest.param([arrived("A", used="0.01")], {}, "not_yet", id="a cent of it is used by somebody"),
    ],
)
def test_slip(given_payments: list[Payment], evidence: dict[str, Any], expected: str) -> None:
    assert verdict(matched(reserve(**evidence), *given_payments)) == expected


@pytest.mark.parametrize(("days", "expected"), [(-4, "not_yet"), (-3, "found A"), (3, "found A"), (4, "not_yet")])
def test_a_bank_posts_up_to_three_days_away(days: int, expected: str) -> None:
    assert verdict(matched(reserve(), arrived("A", posted_on=SLIP_DATE + timedelta(days=days)))) == expected


def test_dates_at_the_end_of_time_are_compared_too() -> None:
    far = arrived("A", posted_on=LAST_DAY)
    assert verdict(matched(reserve(slip_date=FIRST_DAY), far)) == "not_yet"


def test_a_slip_below_the_cost_is_refused_by_its_difference_before_any_search() -> None:
    result = matched(reserve(amount="690.00", slip_amount="600.00"), arrived("A", "600.00"))
    assert (result.verdict, result.lacking) == (Verdict.TOO_LITTLE, Decimal("90.00"))


@pytest.mark.parametrize(
    ("evidence", "missing"),
    [
        (Evidence(method=PaymentMethod.BANK_TRANSFER), ("slip_date", "slip_amount")),
        (Evidence(method=PaymentMethod.BANK_TRANSFER, slip_date=SLIP_DATE), ("slip_amount",)),
        (Evidence(method=PaymentMethod.CARD_LINK, slip_date=SLIP_DATE, slip_amount="1"), ("authorization_number",)),
    ],
)
def test_evidence_that_the_method_needs(evidence: Evidence, missing: tuple[str, ...]) -> None:
    command = reserve().model_copy(update={"evidence": evidence})
    assert claim_of(command).missing == missing
    assert matched(command, arrived("A")).verdict is Verdict.MISSING


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        pytest.param([], "not_yet", id="not there"),
        pytest.param([card("a 7")], "found card-a 7", id="spelled otherwise"),
        pytest.param([card("07")], "not_yet", id="zeros count"),
        pytest.param([card("A7", "1000.00")], "found card-A7", id="more than enough"),
        pytest.param([card("A7", "689.99")], "too_little card-A7", id="too little"),
        pytest.param([card("A7", posted_on=date(2020, 1, 1))], "found card-A7", id="whatever its date"),
        pytest.param([card("A7", currency="EUR")], "not_yet", id="in another currency"),
        pytest.param([card("A7"), card("a-7")], "ambiguous", id="a number that was given twice"),
    ],
)
def test_card(payments: list[Any], expected: str) -> None:
    there = [payment_of(message, NOW) for message in payments]
    assert verdict(matched(reserve_by_card(), *there)) == expected


def test_the_reasons_say_why_this_one_and_why_not_those() -> None:
    mine, other, old = arrived("A", reference="77"), arrived("B"), arrived("C", posted_on=date(2025, 1, 1))
    reasons = {one.payment.transfer_id: one for one in matched(reserve(reference="77"), mine, other, old).considered}
    assert reasons["A"].pros == (Why.AMOUNT, Why.DATE, Why.REFERENCE)
    assert reasons["A"].cons == ()
    assert reasons["B"].cons == (Why.ANOTHER_FITS_BETTER,)
    assert reasons["C"].cons == (Why.OTHER_DATE,)


def test_a_reference_that_differs_is_a_reason_against_also_of_the_one_that_is_found() -> None:
    result = matched(reserve(reference="99", payer="Ana Paz"), arrived("A", reference="77", payer="Ana Paz"))
    (reasons,) = result.considered
    assert (result.verdict, result.contradicted) == (Verdict.FOUND, True)
    assert (reasons.pros, reasons.cons) == ((Why.AMOUNT, Why.DATE, Why.PAYER), (Why.OTHER_REFERENCE,))
    assert not (result.final or result.ends_search)
    assert result.ends_attempt


def test_a_card_s_number_decides_alone_whatever_the_references() -> None:
    command = reserve_by_card()
    named = command.model_copy(update={"evidence": command.evidence.model_copy(update={"reference": "99"})})
    result = matched(named, payment_of(card(reference="77"), NOW))
    assert (result.verdict, result.contradicted) == (Verdict.FOUND, False)


def test_among_more_than_can_be_looked_at_a_payer_singles_nobody_out() -> None:
    crowd = [arrived(f"T{number}") for number in range(MANY)]
    assert matched(reserve(payer="Ana Paz"), *crowd, arrived("A", payer="Ana Paz")).verdict is Verdict.AMBIGUOUS
    assert verdict(matched(reserve(reference="77"), *crowd, arrived("A", reference="77"))) == "found A"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ana López", "ANA LOPEZ", True),
        ("López, Ana", "ana lopez", True),
        ("Ana López", "ANA MARIA LOPEZ PEREZ", True),
        ("Ana", "Ana López", False),
        ("Ana López", "Ana Paz", False),
        (None, None, False),
        ("", "", False),
    ],
)
def test_payers_are_compared_by_their_words(one: str | None, other: str | None, same: bool) -> None:
    assert same_payer(one, other) is same
    assert same_payer(other, one) is same


def test_references_and_authorizations_are_compared_by_letters_and_digits() -> None:
    assert reference_key(" 000-123 ab") == reference_key("123AB") == "123AB"
    assert authorization_key("0012 3a") == "00123A"
    assert reference_key("---") is None
    assert reference_key(None) is None


amounts = some.sampled_from([Decimal("100.00"), Decimal("690.00"), Decimal("690.01")])
dates = some.integers(-5, 5).map(lambda days: SLIP_DATE + timedelta(days=days))
words = some.sampled_from([None, "77", "078", "Ana Paz", "Luis Paz"])
payments = some.builds(
    arrived,
    some.uuids().map(str),
    amounts.map(str),
    posted_on=dates,
    payer=words,
    reference=words,
    used=some.sampled_from(["0.00", "50.00", "100.00"]),
    property_id=some.sampled_from([None, "las-hojas", "elsewhere"]),
    currency=some.sampled_from(["USD", "USD", "EUR"]),
    method=some.sampled_from([*PaymentMethod, PaymentMethod.BANK_TRANSFER]),
    authorization_number=some.sampled_from([None, "A7", "B8"]),
)
evidences = some.builds(
    Evidence,
    method=some.sampled_from(list(PaymentMethod)),
    slip_date=some.none() | dates,
    slip_amount=some.none() | amounts,
    authorization_number=some.sampled_from([None, "A7"]),
    payer=words,
    reference=words,
)
requests = some.builds(
    ReservePayment,
    booking_id=some.just(booking()),
    property_id=some.just("las-hojas"),
    amount=some.sampled_from([Decimal("0.01"), Decimal("100.00"), Decimal("690.00")]),
    currency=some.just("USD"),
    evidence=evidences,
)


@given(requests, some.lists(payments, max_size=8))
def test_what_is_found_always_fits_and_covers_and_is_the_only_closest(
    command: ReservePayment, there: list[Payment]
) -> None:
    result = matched(command, *there)
    if result.verdict is Verdict.FOUND and result.payment:
        claim = result.claim
        assert objections(claim, result.payment, TOLERANCE) == ()
        assert result.payment.left >= command.amount
        assert [one for one in result.close if one.left >= command.amount] == [result.payment]


@given(requests, some.lists(payments, max_size=8), some.randoms())
def test_the_order_in_which_money_came_decides_nothing(
    command: ReservePayment, there: list[Payment], dice: Any
) -> None:
    shuffled = list(there)
    dice.shuffle(shuffled)
    assert matched(command, *there).verdict is matched(command, *shuffled).verdict


@given(requests, some.lists(payments, max_size=8))
def test_the_world_looks_only_where_it_matters(command: ReservePayment, there: list[Payment]) -> None:
    claim = claim_of(command)
    everywhere, indexed = match(claim, there, TOLERANCE), UnitOfWork(TERMS, (), there).match(claim)
    assert (indexed.verdict, indexed.lacking) == (everywhere.verdict, everywhere.lacking)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Transferencia", "TRANSFERENCIA 8812", False),
        ("TEF", "TEF 4711", False),
        ("000", "TEF 0", False),
        ("TEF 4711", "4711", True),
        ("Transferencia 4711", "0004711", True),
        ("slip of Ana", "SLIP OF ANA", True),
    ],
)
def test_a_word_without_a_number_is_no_part_of_a_reference(one: str, other: str, agree: bool) -> None:
    assert same_reference(one, other) is agree


def test_a_slip_that_says_transfer_does_not_take_another_guests_money() -> None:
    others, own = arrived("A", reference="TRANSFERENCIA 8812", payer="Juan Perez"), arrived("B", payer="Ana Lopez")
    result = matched(reserve(reference="Transferencia", payer="Ana Lopez"), others, own)
    assert (verdict(result), result.contradicted) == ("found B", False)
