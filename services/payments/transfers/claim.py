"""A claim: what a booking costs, and the evidence that the guest gave for having paid it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from services.payments.transfers.payment import money
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import ReservePayment, VerifyPayment

NOBODY = UUID(int=0)
CENT = Decimal("0.01")
MIN_WORDS = 2  # one common name such as "María" proves nothing


@dataclass(frozen=True, slots=True)
class Claim:
    """A booking's cost (`amount`) with the evidence of its payment, such as date and amount of a bank slip."""

    booking_id: UUID
    property_id: str
    amount: Decimal
    currency: str
    method: PaymentMethod
    slip_date: date | None = None
    slip_amount: Decimal | None = None
    authorization_number: str | None = None
    payer: str | None = None
    reference: str | None = None

    @property
    def is_card(self) -> bool:
        """Whether the evidence is an authorisation number, not a slip."""
        return self.method is PaymentMethod.CARD_LINK

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields of evidence that the method needs and that are missing."""
        needed = ("authorization_number",) if self.is_card else ("slip_date", "slip_amount")
        return tuple(name for name in needed if getattr(self, name) is None)

    def facts(self) -> dict[str, str]:
        """The claim as text by field, for the staff."""
        facts = {name: getattr(self, name) for name in Claim.__slots__ if name != "booking_id"}
        return {name: str(value) for name, value in facts.items() if value is not None}


def claim_of(command: ReservePayment) -> Claim:
    """The claim of a command."""
    evidence = command.evidence
    return Claim(
        booking_id=command.booking_id,
        property_id=command.property_id,
        amount=money(command.amount),
        currency=command.currency,
        method=evidence.method,
        slip_date=evidence.slip_date,
        slip_amount=evidence.slip_amount,
        authorization_number=evidence.authorization_number,
        payer=evidence.payer,
        reference=evidence.reference,
    )


def question_of(question: VerifyPayment, default_property: str) -> Claim:
    """The claim of a question, which belongs to no booking."""
    card = question.authorization_number is not None
    amount = question.booking_amount or (CENT if card else question.slip_amount) or CENT
    return Claim(
        booking_id=NOBODY,
        property_id=question.property_id or default_property,
        amount=money(amount),
        currency=question.currency,
        method=PaymentMethod.CARD_LINK if card else PaymentMethod.BANK_TRANSFER,
        slip_date=question.slip_date,
        slip_amount=question.slip_amount,
        authorization_number=question.authorization_number,
        payer=question.payer,
        reference=question.reference,
    )


@lru_cache(10_000)
def reference_key(text: str | None) -> str | None:
    """A reference for comparison: its letters and digits, without leading zeros, which some banks leave out."""
    return _letters_and_digits(text).lstrip("0") or None


@lru_cache(10_000)
def authorization_key(text: str | None) -> str | None:
    """An authorisation number for comparison. It alone decides, so leading zeros count."""
    return _letters_and_digits(text) or None


def same_reference(one: str | None, other: str | None) -> bool:
    """Whether two references agree: all words of the shorter are in the longer, as in "TEF 4711" and "4711".

    Words without a digit identify nothing by themselves: "transfer" is not "transfer 4711".
    """
    shorter, longer = sorted((_reference_words(one), _reference_words(other)), key=len)
    return shorter <= longer and (any(map(_has_digit, shorter)) or (bool(shorter) and shorter == longer))


def same_payer(one: str | None, other: str | None) -> bool:
    """Whether two names agree: the same words, or all words of the shorter name if it has at least two."""
    shorter, longer = sorted((_words(one), _words(other)), key=len)
    return bool(shorter) and (shorter == longer or (len(shorter) >= MIN_WORDS and shorter <= longer))


def identifies_payer(name: str | None) -> bool:
    """Whether a name has more than one word: of those called "María" there are many."""
    return len(_words(name)) >= MIN_WORDS


def identifies(reference: str | None) -> bool:
    """Whether a reference can identify one payment: it has a digit. "Transferencia" stands on many slips."""
    return any(map(_has_digit, _reference_words(reference)))


def other_payers(one: str | None, other: str | None) -> bool:
    """Whether two payers are both known and are not the same."""
    return bool(_words(one) and _words(other)) and not same_payer(one, other)


def same_slip(one: Claim, other: Claim) -> bool:
    """Whether two claims show the same slip: by their references, else by the date and no other payer."""
    if identifies(one.reference) and identifies(other.reference):
        return same_reference(one.reference, other.reference)
    return one.slip_date == other.slip_date and not other_payers(one.payer, other.payer)


def telling_words(claim: Claim) -> list[str]:
    """The words by which a claim's own payment is known: of a payer's whole name, and of a reference with digits."""
    payer = _words(claim.payer) if identifies_payer(claim.payer) else frozenset()
    return sorted(payer | {word for word in _reference_words(claim.reference) if _has_digit(word)})


def _letters_and_digits(text: str | None) -> str:
    return "".join(sign for sign in _plain(text) if sign.isalnum()).upper()


def _reference_words(text: str | None) -> frozenset[str]:
    return frozenset(word.lstrip("0") for word in _words(text) if word.strip("0"))


def _has_digit(text: str) -> bool:
    return any(sign.isdigit() for sign in text)


@lru_cache(10_000)
def _words(text: str | None) -> frozenset[str]:
    return frozenset("".join(sign if sign.isalnum() else " " for sign in _plain(text)).split())


def _plain(text: str | None) -> str:
    """Text without accents and in lower case, as banks drop both."""
    split = unicodedata.normalize("NFKD", text or "")
    return "".join(sign for sign in split if not unicodedata.combining(sign)).casefold()
