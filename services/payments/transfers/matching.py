"""Finds the payment that a claim means: which one and why, which ones not and why not. It never guesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from services.payments.requests.claim import Claim, authorization_key, reference_key, same_payer, same_reference
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import ANY_PROPERTY, Payment
from shared.contracts.common import PaymentMethod

# So many payments that fit alike are told apart by a reference or not at all; nobody need look at more.
MANY = 50


class Verdict(StrEnum):
    """What came of looking for a claim's money."""

    FOUND = "found"
    NOT_YET = "not_yet"
    MISSING = "missing"
    TOO_LITTLE = "too_little"
    USED = "used"
    AMBIGUOUS = "ambiguous"


class Why(StrEnum):
    """What speaks for a payment, or against it."""

    AMOUNT = "amount_agrees"
    DATE = "date_agrees"
    AUTHORIZATION = "authorization_agrees"
    REFERENCE = "reference_agrees"
    PAYER = "payer_agrees"
    OTHER_METHOD = "other_method"
    OTHER_AUTHORIZATION = "other_authorization"
    OTHER_AMOUNT = "other_amount"
    OTHER_DATE = "other_date"
    OTHER_CURRENCY = "other_currency"
    OTHER_PROPERTY = "other_property"
    OTHER_REFERENCE = "other_reference"
    LEFT_TOO_LITTLE = "left_too_little"
    USED_UP = "used_up"
    ANOTHER_FITS_BETTER = "another_fits_better"


@dataclass(frozen=True, slots=True)
class Considered:
    """A payment that was looked at, with what spoke for it and against it."""

    payment: Payment
    pros: tuple[Why, ...]
    cons: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on a claim. `payment` is the one found, or the one that is too small or used.

    `lacking` is the money that it falls short by; `looked_at` are all that came into question, `close` the closest.
    `contradicted`: what fits bears another reference than the slip, whose own transfer may still come.
    """

    claim: Claim
    verdict: Verdict
    tolerance_days: int
    payment: Payment | None = None
    lacking: Decimal = NOTHING
    looked_at: tuple[Payment, ...] = ()
    close: tuple[Payment, ...] = ()
    contradicted: bool = False

    @property
    def final(self) -> bool:
        """Whether there is nothing to wait for, at the first look."""
        return self.verdict is not Verdict.NOT_YET and not self.contradicted

    @property
    def ends_search(self) -> bool:
        """Whether it settles a request that waits already.

        Another guest's slip of the same amount may be the one that is used or too small, so a search by slip goes on;
        a card's number means one payment.
        """
        if self.contradicted:
            return False
        return self.verdict in {Verdict.FOUND, Verdict.AMBIGUOUS} or (self.claim.is_card and self.final)

    @property
    def ends_attempt(self) -> bool:
        """The same at an attempt of the search: by then a transfer of the slip's own reference had its time to come."""
        return self.ends_search or self.verdict is Verdict.FOUND

    @property
    def considered(self) -> tuple[Considered, ...]:
        """The reasons: what spoke for and against each payment."""
        return tuple(_considered(self, payment) for payment in self.looked_at)


def match(claim: Claim, payments: Sequence[Payment], tolerance_days: int) -> Decision:
    """Decide which of the payments the claim means; `tolerance_days` is the bank's posting delay, either way.

    A slip fits by amount and date, a card by its authorisation number. Among several that fit, an equal reference
    decides, then one that agrees, then one that does not differ, then an agreeing payer, then whether enough is left;
    if that leaves two, the verdict is AMBIGUOUS. It is the same of one alone whose reference differs from the slip's
    and whose payer does not agree either: everything that could tell it from another guest's speaks against it. Money
    that is used or too little and bears another reference is somebody else's, and the slip's own has not arrived.
    """
    if claim.missing:
        return Decision(claim, Verdict.MISSING, tolerance_days)
    if not claim.is_card and claim.slip_amount is not None and claim.slip_amount < claim.amount:
        return Decision(claim, Verdict.TOO_LITTLE, tolerance_days, lacking=claim.amount - claim.slip_amount)
    close = _closest(claim, [payment for payment in payments if not objections(claim, payment, tolerance_days)])
    covering = [payment for payment in close if payment.left >= claim.amount]
    seen = Decision(claim, Verdict.AMBIGUOUS, tolerance_days, looked_at=tuple(payments), close=tuple(close))
    if not covering:
        return _none_covers(seen)
    seen = replace(seen, contradicted=all(contradicts(claim, payment) for payment in covering))
    if len(covering) == 1 and (not seen.contradicted or _same_payer(claim, covering[0])):
        return replace(seen, verdict=Verdict.FOUND, payment=covering[0])
    return seen


def objections(claim: Claim, payment: Payment, tolerance_days: int) -> tuple[Why, ...]:
    """Why a payment cannot be the one that the claim means, whatever is left of it; empty when it can."""
    checks = {
        Why.OTHER_CURRENCY: payment.currency != claim.currency,
        Why.OTHER_PROPERTY: payment.property_id not in {ANY_PROPERTY, claim.property_id},
    }
    if claim.is_card:
        checks[Why.OTHER_AUTHORIZATION] = not _same_authorization(claim, payment)
    else:
        checks[Why.OTHER_METHOD] = payment.method is not PaymentMethod.BANK_TRANSFER
        checks[Why.OTHER_AMOUNT] = payment.amount != claim.slip_amount
        checks[Why.OTHER_DATE] = not _near(claim, payment, tolerance_days)
    return tuple(why for why, speaks_against in checks.items() if speaks_against)


def contradicts(claim: Claim, payment: Payment) -> bool:
    """Whether a slip and a transfer both bear a reference, and these differ: banks number both, not always alike."""
    both = not claim.is_card and reference_key(claim.reference) and reference_key(payment.reference)
    return bool(both) and not _same_reference(claim, payment)


def likeness(claim: Claim, payment: Payment) -> tuple[bool, ...]:
    """What breaks a tie, the strongest first: an equal reference, one that agrees, none that differs, the payer."""
    return tuple(agrees(claim, payment) for agrees in _TIES)


def _closest(claim: Claim, fitting: Sequence[Payment]) -> list[Payment]:
    """Those that a reference singles out, or else a payer, or else all."""
    close = list(fitting)
    for agrees in _TIES:
        if len(close) <= 1 or (agrees is _same_payer and sum(payment.left > 0 for payment in close) >= MANY):
            break  # of so many there may be more, and a payer would single one out by chance
        close = [payment for payment in close if agrees(claim, payment)] or close
    return close


def _none_covers(seen: Decision) -> Decision:
    close = tuple(payment for payment in seen.close if not contradicts(seen.claim, payment))
    if not close:
        return replace(seen, verdict=Verdict.NOT_YET, close=())
    best = max(close, key=lambda payment: (payment.left, payment.used_at or payment.arrived_at))
    verdict = Verdict.TOO_LITTLE if best.left else Verdict.USED
    return replace(seen, verdict=verdict, payment=best, lacking=seen.claim.amount - best.left, close=close)


def _considered(seen: Decision, payment: Payment) -> Considered:
    claim = seen.claim
    cons = list(objections(claim, payment, seen.tolerance_days))
    if contradicts(claim, payment):
        cons.append(Why.OTHER_REFERENCE)
    if not cons and payment not in seen.close:
        cons.append(Why.ANOTHER_FITS_BETTER)
    if payment.left < claim.amount:
        cons.append(Why.LEFT_TOO_LITTLE if payment.left else Why.USED_UP)
    return Considered(payment, _pros(claim, payment, seen.tolerance_days), tuple(cons))


def _pros(claim: Claim, payment: Payment, tolerance_days: int) -> tuple[Why, ...]:
    checks = {
        Why.AUTHORIZATION: claim.is_card and _same_authorization(claim, payment),
        Why.AMOUNT: not claim.is_card and payment.amount == claim.slip_amount,
        Why.DATE: not claim.is_card and _near(claim, payment, tolerance_days),
        Why.REFERENCE: _same_reference(claim, payment),
        Why.PAYER: _same_payer(claim, payment),
    }
    return tuple(why for why, speaks_for in checks.items() if speaks_for)


def _near(claim: Claim, payment: Payment, tolerance_days: int) -> bool:
    return claim.slip_date is not None and abs((payment.posted_on - claim.slip_date).days) <= tolerance_days


def _same_authorization(claim: Claim, payment: Payment) -> bool:
    wanted = authorization_key(claim.authorization_number)
    return wanted is not None and authorization_key(payment.authorization_number) == wanted


def _equal_reference(claim: Claim, payment: Payment) -> bool:
    wanted = reference_key(claim.reference)
    return wanted is not None and reference_key(payment.reference) == wanted


def _same_reference(claim: Claim, payment: Payment) -> bool:
    return _equal_reference(claim, payment) or same_reference(claim.reference, payment.reference)


def _no_other_reference(claim: Claim, payment: Payment) -> bool:
    return not contradicts(claim, payment)


def _same_payer(claim: Claim, payment: Payment) -> bool:
    return same_payer(claim.payer, payment.payer)


_TIES = (_equal_reference, _same_reference, _no_other_reference, _same_payer)
