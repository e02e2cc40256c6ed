"""Payments' guest-facing texts, and its refusals: a code, a sentence for the guest, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

from services.payments.requests.terms import Terms
from services.payments.transfers import MatchResult, Payment, Verdict
from shared.contracts.common import Language, Reason, RefusalDetails
from shared.errors import Refusal
from shared.texts import LOCALES, Texts

RELEASED = "payment_released"
_REASONS = {
    Verdict.NOT_YET: Reason.PAYMENT_NOT_FOUND,
    Verdict.MISSING: Reason.PAYMENT_MISSING,
    Verdict.TOO_LITTLE: Reason.PAYMENT_INSUFFICIENT,
    Verdict.USED: Reason.PAYMENT_USED,
    Verdict.AMBIGUOUS: Reason.PAYMENT_AMBIGUOUS,
}


class PaymentTexts:
    """Texts in the property's or the guest's language. Details of refusals are JSON values, amounts as text."""

    def __init__(self, folder: Path) -> None:
        self._texts = Texts(folder)

    def refusal(self, matched: MatchResult, terms: Terms) -> Refusal:
        """The refusal for a match that reserves nothing, with dates at the property."""
        zone, language = terms.of(matched.claim.property_id).zone, terms.language
        claim, payment, reason = matched.claim, matched.payment, _REASONS[matched.verdict]
        details: dict[str, Any] = {"amount": f"{claim.amount:.2f}", "currency": claim.currency}
        if matched.verdict is Verdict.MISSING:
            details["missing"] = list(claim.missing)
        if matched.verdict is Verdict.TOO_LITTLE:
            details["difference"] = f"{matched.lacking:.2f}"
        told = payment if matched.discloses else None
        if payment:
            details |= {"payment_id": str(payment.id), "left": f"{payment.left:.2f}"}
        if told:
            details |= self._use(told, zone, language)
        values = {"codes": [], **details, "amount": claim.amount, "difference": matched.lacking}
        values |= {"used_on": _day(told, zone, language), "contradicted": matched.contradicted}
        return Refusal(reason.value, self._texts.render(language, "refusal", reason=reason.value, **values), **details)

    def ended(self, reason: Reason, terms: Terms) -> Refusal:
        """The refusal when a person ended the search."""
        return Refusal(reason.value, self._texts.render(terms.language, "refusal", reason=reason.value))

    def refusal_after_release(self, terms: Terms) -> Refusal:
        """The refusal when the release arrived before the request."""
        return Refusal(RELEASED, self._texts.render(terms.language, "refusal", reason=RELEASED))

    def verified(self, matched: MatchResult, language: Language, terms: Terms) -> str:
        """The answer to a question whether a payment is there."""
        payment, zone = matched.payment, terms.of(matched.claim.property_id).zone
        told = payment if matched.discloses else None
        return self._texts.render(
            language,
            "verified",
            result=matched.verdict.value,
            left=payment.left if payment else matched.lacking,
            difference=matched.lacking,
            currency=matched.claim.currency,
            codes=told.codes if told else (),
            codes_text=self.codes(told.codes if told else (), language),
            used_on=_day(told, zone, language),
            missing=matched.claim.missing,
            contradicted=matched.contradicted,
        )

    def not_verified(self, error: RefusalDetails, language: Language) -> str:
        """The answer to an invalid question: which fields are wrong."""
        fields = [problem["field"] for problem in error.details["problems"]]
        return self._texts.render(language, "not_verified", fields=fields)

    def codes(self, codes: Sequence[str], language: Language) -> str:
        """Reservation codes as text, such as "HR26181, HR26182 (2 habitaciones)"; N/A for none."""
        return self._texts.render(language, "codes", codes=[code.strip() for code in codes if code.strip()])

    def _use(self, payment: Payment, zone: ZoneInfo, language: Language) -> dict[str, Any]:
        used = payment.used_at.astimezone(zone).date().isoformat() if payment.used_at else None
        return {
            "codes": list(payment.codes),
            "codes_text": self.codes(payment.codes, language),
            "used_on": used,
        }


def _day(payment: Payment | None, zone: ZoneInfo, language: Language) -> str:
    """The date at the property on which a payment was used, in the guest's language; empty when it is unused."""
    if payment is None or payment.used_at is None:
        return ""
    return format_date(payment.used_at.astimezone(zone).date(), "long", locale=LOCALES[language])
