"""Finds the payment that a claim means, with the reasons for and against each candidate. It never guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from services.payments.transfers.claim import (
    Claim,
    authorization_key,
    identifies,
    identifies_payer,
    other_payers,
    reference_key,
    same_payer,
    same_reference,
    same_slip,
)
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import ANY_PROPERTY, Payment
from shared.contracts.common import PaymentMethod

Uses: TypeAlias = Mapping[UUID, Sequence[Claim]]  # by payment: the claims that its reserved and captured money serves
MANY = 50  # payments that are read for a claim: among more of the same amount only a reference can decide


class Verdict(StrEnum):
    """The result of matching a claim."""

    FOUND = "found"
    NOT_YET = "not_yet"
    MISSING = "missing"
    TOO_LITTLE = "too_little"
    USED = "used"
    AMBIGUOUS = "ambiguous"


class Why(StrEnum):
    """A reason for or against a payment."""

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
    """A candidate with the reasons for it (`pros`) and against it (`cons`)."""

    payment: Payment
    pros: tuple[Why, ...]
    cons: tuple[Why, ...]

    def facts(self) -> dict[str, Any]:
        """The payment and its reasons as JSON values, for the staff."""
        names = ("id", "amount", "left", "currency", "posted_on", "payer", "transfer_id", "reference")
        known = {name: str(value) for name in names if (value := getattr(self.payment, name)) is not None}
        return {**known, "codes": list(self.payment.codes), "for": list(self.pros), "against": list(self.cons)}


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The verdict on a claim. `payment` is the one found, or the one that is too small or used.

    `lacking` is the amount that is missing. `candidates` are all payments that were compared, `close` those that match
    best. `contradicted`: those have another reference or payer than the slip, so its own transfer may still arrive.
    `discloses`: what the payment was used for may be told to the guest, whose bookings they are.
    """

    claim: Claim
    verdict: Verdict
    tolerance_days: int
    payment: Payment | None = None
    lacking: Decimal = NOTHING
    candidates: tuple[Payment, ...] = ()
    close: tuple[Payment, ...] = ()
    contradicted: bool = False
    discloses: bool = False

    @property
    def final(self) -> bool:
        """Whether a new request is settled by it, without waiting."""
        return self.verdict is not Verdict.NOT_YET and not self.contradicted

    @property
    def ends_search(self) -> bool:
        """Whether it settles a waiting request when money arrives.

        A payment that is used or too small ends a search by card only: its number means one payment. With a slip the
        money that has just arrived may be followed by that of this slip.
        """
        if self.contradicted:
            return False
        return self.verdict in {Verdict.FOUND, Verdict.AMBIGUOUS} or (self.claim.is_card and self.final)

    @property
    def ends_attempt(self) -> bool:
        """Whether it settles a waiting request at a planned attempt: then money with another reference counts too."""
        return self.ends_search or self.verdict is Verdict.FOUND

    @property
    def considered(self) -> tuple[Considered, ...]:
        """Each candidate with its reasons."""
        return tuple(_considered(self, payment) for payment in self.candidates)


def match(claim: Claim, payments: Sequence[Payment], tolerance_days: int, uses: Uses | None = None) -> MatchResult:
    """Decide which payment the claim means. `tolerance_days` is how far the bank's date may lie from the slip's.

    A slip matches by amount and date, a card by its authorisation number. A payment of which too little is left is
    compared only if it is this guest's (`speaks_against`): what others have used decides nothing. Among several that
    match, these decide in turn: an equal reference, one that agrees, one that does not differ, an agreeing payer, and
    whether enough is left. If two remain, the verdict is AMBIGUOUS; so it is for a single payment whose reference and
    payer both differ from the slip's.
    """
    if claim.missing:
        return MatchResult(claim, Verdict.MISSING, tolerance_days)
    if not claim.is_card and claim.slip_amount is not None and claim.slip_amount < claim.amount:
        return MatchResult(claim, Verdict.TOO_LITTLE, tolerance_days, lacking=claim.amount - claim.slip_amount)
    used = uses or {}
    close = _closest(
        claim,
        [
            payment
            for payment in payments
            if not objections(claim, payment, tolerance_days)
            and (payment.left >= claim.amount or speaks_against(claim, payment, used.get(payment.id, ())))
        ],
    )
    covering = [payment for payment in close if payment.left >= claim.amount]
    matched = MatchResult(claim, Verdict.AMBIGUOUS, tolerance_days, candidates=tuple(payments), close=tuple(close))
    if not covering:
        return _none_covers(matched, used)
    differs = contradicts if len(covering) == 1 else _is_anothers
    matched = replace(matched, contradicted=all(differs(claim, payment) for payment in covering))
    if len(covering) == 1 and (not matched.contradicted or _same_payer(claim, covering[0])):
        return replace(matched, verdict=Verdict.FOUND, payment=covering[0])
    return matched


def speaks_against(claim: Claim, payment: Payment, used_for: Sequence[Claim]) -> bool:
    """Whether a payment with too little left shows that the claim's own money is used: if it is this guest's.

    A card's number says so. With a slip the reference or the payer agrees, and no other slip has used the payment
    (`used_for`). Everything else is another guest's, or this guest's for another booking: the claim's own money may
    still arrive.
    """
    if claim.is_card:
        return True
    if contradicts(claim, payment) or not (_agreeing_reference(claim, payment) or _known_payer(claim, payment)):
        return False
    return not used_for or any(same_slip(claim, other) for other in used_for)


def objections(claim: Claim, payment: Payment, tolerance_days: int) -> tuple[Why, ...]:
    """Why a payment cannot be the one that the claim means, whatever is left of it; empty when it can be."""
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
    """Whether slip and transfer both have a reference and these differ. Banks may number the two differently.

    A word that identifies nothing ("Transferencia") differs from a number only where the payer does not agree.
    """
    if claim.is_card or not (reference_key(claim.reference) and reference_key(payment.reference)):
        return False
    vague = not (identifies(claim.reference) and identifies(payment.reference))
    return not (_same_reference(claim, payment) or (vague and _same_payer(claim, payment)))


def likeness(claim: Claim, payment: Payment) -> tuple[bool, ...]:
    """The tie-breakers, the strongest first: an equal reference, one that agrees, none that differs, the payer."""
    return tuple(agrees(claim, payment) for agrees in _TIES)


def _closest(claim: Claim, fitting: Sequence[Payment]) -> list[Payment]:
    """The payments that remain after the tie-breakers."""
    close = list(fitting)
    for agrees in _TIES:
        if len(close) <= 1 or (agrees is _same_payer and sum(payment.left > 0 for payment in close) >= MANY):
            break  # there may be more than were read, so a payer's name could single one out by chance
        close = [payment for payment in close if agrees(claim, payment)] or close
    return close


def _none_covers(matched: MatchResult, uses: Uses) -> MatchResult:
    if not matched.close:
        return replace(matched, verdict=Verdict.NOT_YET)
    best = max(matched.close, key=lambda payment: (payment.left, payment.used_at or payment.arrived_at))
    found = too_little_left(matched.claim, best, uses.get(best.id, ()), matched.tolerance_days)
    return replace(found, candidates=matched.candidates, close=matched.close)


def too_little_left(claim: Claim, payment: Payment, used_for: Sequence[Claim], tolerance_days: int = 0) -> MatchResult:
    """The matched that the claim's own payment is used, or too small; `used_for` are the claims that it serves."""
    verdict = Verdict.TOO_LITTLE if payment.left else Verdict.USED
    own = not any(other_payers(claim.payer, other.payer) for other in used_for)
    lacking = claim.amount - payment.left
    return MatchResult(claim, verdict, tolerance_days, payment=payment, lacking=lacking, discloses=own)


def _considered(matched: MatchResult, payment: Payment) -> Considered:
    claim = matched.claim
    cons = list(objections(claim, payment, matched.tolerance_days))
    if contradicts(claim, payment):
        cons.append(Why.OTHER_REFERENCE)
    if payment.left < claim.amount:
        cons.append(Why.LEFT_TOO_LITTLE if payment.left else Why.USED_UP)
    elif not cons and payment not in matched.close:
        cons.append(Why.ANOTHER_FITS_BETTER)
    return Considered(payment, _pros(claim, payment, matched.tolerance_days), tuple(cons))


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
    key = authorization_key(claim.authorization_number)
    return key is not None and authorization_key(payment.authorization_number) == key


def _equal_text(claim: Claim, payment: Payment) -> bool:
    key = reference_key(claim.reference)
    return key is not None and reference_key(payment.reference) == key


def _same_reference(claim: Claim, payment: Payment) -> bool:
    return _equal_text(claim, payment) or same_reference(claim.reference, payment.reference)


def _equal_reference(claim: Claim, payment: Payment) -> bool:
    return identifies(claim.reference) and _equal_text(claim, payment)


def _agreeing_reference(claim: Claim, payment: Payment) -> bool:
    return identifies(claim.reference) and _same_reference(claim, payment)


def _no_other_reference(claim: Claim, payment: Payment) -> bool:
    return not contradicts(claim, payment)


def _same_payer(claim: Claim, payment: Payment) -> bool:
    return same_payer(claim.payer, payment.payer)


def _known_payer(claim: Claim, payment: Payment) -> bool:
    return identifies_payer(claim.payer) and identifies_payer(payment.payer) and _same_payer(claim, payment)


def _is_anothers(claim: Claim, payment: Payment) -> bool:
    return contradicts(claim, payment) or other_payers(claim.payer, payment.payer)


# A text that stands on many slips ("Transferencia") decides only where the payer does not.
_TIES = (_equal_reference, _agreeing_reference, _no_other_reference, _same_payer, _same_reference)
