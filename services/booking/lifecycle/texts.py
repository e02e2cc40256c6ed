"""Texts for the guest about what becomes of a booking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from babel.dates import format_date

from services.booking.record.cancellation_fee import Terms
from shared.contracts.common import Language
from shared.texts import LOCALES, Texts

if TYPE_CHECKING:
    from services.booking.lifecycle.event_context import EventContext
    from services.booking.lifecycle.sagas.cancellation.saga import CancellationSaga
    from services.booking.lifecycle.sagas.change_dates.saga import DateChangeSaga


class LifecycleTexts:
    """Words a booking's life in the guest's language."""

    def __init__(self, folder: Path) -> None:
        self._texts = Texts(folder)

    def modified(self, data: DateChangeSaga) -> str:
        """The new dates and the new total."""
        language = data.telling.language
        return self._texts.render(
            language,
            "modified",
            house=data.telling.property.name,
            codes=[wish.code for wish in data.wishes],
            check_in=_day(data.check_in, language),
            check_out=_day(data.check_out, language),
            total=data.total,
            currency=data.currency,
        )

    def cancellation_decided(self, data: CancellationSaga) -> str:
        """That it is off, and that fee and refund are still to be told."""
        return self._texts.render(
            data.telling.language, "cancellation_decided", house=data.telling.property.name, codes=data.codes
        )

    def cancelled(self, data: CancellationSaga) -> str:
        """The fee and what comes back."""
        return self._texts.render(
            data.telling.language,
            "cancelled",
            house=data.telling.property.name,
            codes=data.codes,
            fee=data.fee,
            refund=data.refund,
            currency=data.currency,
        )

    def not_shown(self, data: CancellationSaga) -> str:
        """That they were expected, and did not come."""
        return self._texts.render(
            data.telling.language, "not_shown", house=data.telling.property.name, codes=data.codes
        )

    def checked_in(self, telling: EventContext, codes: Sequence[str]) -> str:
        """A welcome."""
        return self._texts.render(telling.language, "checked_in", house=telling.property.name, codes=codes)

    def checked_out(self, telling: EventContext, codes: Sequence[str]) -> str:
        """Thanks."""
        return self._texts.render(telling.language, "checked_out", house=telling.property.name, codes=codes)

    def policy(self, terms: Terms | None, language: Language) -> str | None:
        """The sentence that people read of a policy; None where there is none."""
        if terms is None:
            return None
        return self._texts.render(
            language,
            "policy",
            hours=terms.free_hours,
            first_night=terms.first_night,
            percentage=f"{terms.percentage.normalize():f}",
        )


def _day(day: date, language: Language) -> str:
    return format_date(day, "long", locale=LOCALES[language])
