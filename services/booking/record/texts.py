"""Booking's texts for guests: the templates, and what several texts have in common."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from babel.dates import format_date

from services.booking.record.cancellation_fee import CancellationTerms
from shared.contracts.common import Language
from shared.texts import LOCALES, Texts

TEXTS = Texts(Path(__file__).parents[1] / "texts")


@lru_cache(maxsize=1024)
def day_text(day: date, language: Language) -> str:
    """A day as people write it."""
    return format_date(day, "long", locale=LOCALES[language])


@lru_cache(maxsize=1024)
def policy_text(terms: CancellationTerms | None, language: Language) -> str | None:
    """The sentence that guests read of a cancellation policy; None without one."""
    if terms is None:
        return None
    return TEXTS.render(
        language,
        "policy",
        hours=terms.free_hours,
        first_night=terms.first_night,
        percentage=f"{terms.percentage.normalize():f}",
    )
