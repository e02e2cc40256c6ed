"""A claim: what a booking costs, and what the guest showed for having paid it."""

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
MIN_WORDS = 2  # a single name in common, "María", says nothing


@dataclass(frozen=True, slots=True)
class Claim:
    """A booking's cost with its evidence. `slip_date` is the date on the slip, `amount` the whole booking's cost."""

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
        """Whether an authorisation number decides, rather than a slip."""
        return self.method is PaymentMethod.CARD_LINK

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields of evidence that the method needs and that are not there."""
        needed = ("authorization_number",) if self.is_card else ("slip_date", "slip_amount")
        return tuple(name for name in needed if getattr(self, name) is None)


def claim_of(command: ReservePayment) -> Claim:
    """The claim in a command."""
    shown = command.evidence
    return Claim(
        booking_id=command.booking_id,
        property_id=command.property_id,
        amount=money(command.amount),
        currency=command.currency,
        method=shown.method,
        slip_date=shown.slip_date,
        slip_amount=shown.slip_amount,
        authorization_number=shown.authorization_number,
        payer=shown.payer,
        reference=shown.reference,
    )


def question_of(ask: VerifyPayment, default_property: str) -> Claim:
    """The claim that somebody asks about, for no booking yet."""
    card = ask.authorization_number is not None
    amount = ask.booking_amount or (CENT if card else ask.slip_amount) or CENT
    return Claim(
        booking_id=NOBODY,
        property_id=ask.property_id or default_property,
        amount=money(amount),
        currency=ask.currency,
        method=PaymentMethod.CARD_LINK if card else PaymentMethod.BANK_TRANSFER,
        slip_date=ask.slip_date,
        slip_amount=ask.slip_amount,
        authorization_number=ask.authorization_number,
        payer=ask.payer,
        reference=ask.reference,
    )


@lru_cache(10_000)
def reference_key(text: str | None) -> str | None:
    """A reference as it is compared: its letters and digits, without the zeros that one side leaves out."""
    return _letters_and_digits(text).lstrip("0") or None


@lru_cache(10_000)
def authorization_key(text: str | None) -> str | None:
    """An authorisation number as it is compared. It alone decides, so its zeros count."""
    return _letters_and_digits(text) or None


def same_reference(one: str | None, other: str | None) -> bool:
    """Whether two references can be one: all words of the shorter are in the longer, as in "TEF 4711" and "4711"."""
    shorter, longer = sorted((_numbers(one), _numbers(other)), key=len)
    return bool(shorter) and shorter <= longer


def same_payer(one: str | None, other: str | None) -> bool:
    """Whether two spellings can be one person: the same words, or all words of the shorter of at least two."""
    shorter, longer = sorted((_words(one), _words(other)), key=len)
    return bool(shorter) and (shorter == longer or (len(shorter) >= MIN_WORDS and shorter <= longer))


def _letters_and_digits(text: str | None) -> str:
    return "".join(sign for sign in _plain(text) if sign.isalnum()).upper()


def _numbers(text: str | None) -> frozenset[str]:
    return frozenset(word.lstrip("0") for word in _words(text))


@lru_cache(10_000)
def _words(text: str | None) -> frozenset[str]:
    return frozenset("".join(sign if sign.isalnum() else " " for sign in _plain(text)).split())


def _plain(text: str | None) -> str:
    """Without accents and case, which banks drop."""
    split = unicodedata.normalize("NFKD", text or "")
    return "".join(sign for sign in split if not unicodedata.combining(sign)).casefold()
