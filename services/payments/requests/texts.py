"""Payments' refusals: a reason for machines, its sentence for the guest, and the figures that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from babel.dates import format_date

from services.payments.requests.terms import Terms
from services.payments.transfers.matching import Decision, Verdict
from services.payments.transfers.payment import Payment
from shared.contracts.common import Language, Reason, RefusalDetails
from shared.errors import Refusal
from shared.texts import LOCALES, Texts

RELEASED = "payment_released"  # the one reason that only payments knows
_REASONS = {
    Verdict.NOT_YET: Reason.PAYMENT_NOT_FOUND,
    Verdict.MISSING: Reason.PAYMENT_MISSING,
    Verdict.TOO_LITTLE: Reason.PAYMENT_INSUFFICIENT,
    Verdict.USED: Reason.PAYMENT_USED,
    Verdict.AMBIGUOUS: Reason.PAYMENT_AMBIGUOUS,
}


class PaymentTexts:
    """Words refusals in the property's language. Their details are JSON values, amounts as text."""

    def __init__(self, folder: Path) -> None:
        self._texts = Texts(folder)

    def refusal(self, decision: Decision, terms: Terms) -> Refusal:
        """Why a decision sets nothing aside, with dates where its property is."""
        terms = terms.of(decision.claim.property_id)
        claim, payment, reason = decision.claim, decision.payment, _REASONS[decision.verdict]
        details: dict[str, Any] = {"amount": f"{claim.amount:.2f}", "currency": claim.currency}
        if decision.verdict is Verdict.MISSING:
            details["missing"] = list(claim.missing)
        if decision.verdict is Verdict.TOO_LITTLE:
            details["difference"] = f"{decision.lacking:.2f}"
        if payment:
            details |= self._use(payment, terms)
        values = {**details, "amount": claim.amount, "difference": decision.lacking, "used_on": _day(payment, terms)}
        values["contradicted"] = decision.contradicted
        return Refusal(
            reason.value, self._texts.render(terms.language, "refusal", reason=reason.value, **values), **details
        )

    def ended(self, reason: Reason, terms: Terms) -> Refusal:
        """Why a search was ended by a person."""
        return Refusal(reason.value, self._texts.render(terms.language, "refusal", reason=reason.value))

    def refusal_after_release(self, terms: Terms) -> Refusal:
        """Why a request is refused whose release came first."""
        return Refusal(RELEASED, self._texts.render(terms.language, "refusal", reason=RELEASED))

    def verified(self, decision: Decision, language: Language, terms: Terms) -> str:
        """Whether a payment is there, for the guest who asks."""
        payment, local = decision.payment, replace(terms.of(decision.claim.property_id), language=language)
        return self._texts.render(
            language,
            "verified",
            result=decision.verdict.value,
            left=payment.left if payment else decision.lacking,
            difference=decision.lacking,
            currency=decision.claim.currency,
            codes=payment.codes if payment else (),
            codes_text=self.codes(payment.codes if payment else (), language),
            used_on=_day(payment, local),
            missing=decision.claim.missing,
            contradicted=decision.contradicted,
        )

    def not_verified(self, error: RefusalDetails, language: Language) -> str:
        """What is wrong with a question, for the guest on whose behalf it is asked: the fields, by their names."""
        fields = [problem["field"] for problem in error.details["problems"]]
        return self._texts.render(language, "not_verified", fields=fields)

    def codes(self, codes: Sequence[str], language: Language) -> str:
        """Reservation codes: "HR26181, HR26182 (2 habitaciones)"; one alone is just the code, none is N/A."""
        return self._texts.render(language, "codes", codes=[code.strip() for code in codes if code.strip()])

    def _use(self, payment: Payment, terms: Terms) -> dict[str, Any]:
        used = payment.used_at.astimezone(terms.zone).date().isoformat() if payment.used_at else None
        return {
            "payment_id": str(payment.id),
            "left": f"{payment.left:.2f}",
            "codes": list(payment.codes),
            "codes_text": self.codes(payment.codes, terms.language),
            "used_on": used,
        }


def _day(payment: Payment | None, terms: Terms) -> str:
    """The date that a payment was used, where the property is, as its guests write it."""
    if payment is None or payment.used_at is None:
        return ""
    return format_date(payment.used_at.astimezone(terms.zone).date(), "long", locale=LOCALES[terms.language])
