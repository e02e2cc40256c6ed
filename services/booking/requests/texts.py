"""Booking's texts for the guest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel.dates import format_date

from shared.contracts.booking import BookedRoom, RequestInvalid
from shared.contracts.common import Language, Reason, RefusalDetails
from shared.texts import LOCALES, Texts

if TYPE_CHECKING:
    from services.booking.requests.saga.table import MultiRoomData

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class RequestTexts:
    """Words outcomes in the guest's language; never how rooms are chosen, and no room numbers."""

    def __init__(self, folder: Path) -> None:
        self._texts = Texts(folder)

    def confirmed(self, data: MultiRoomData, rooms: Sequence[BookedRoom]) -> str:
        """All codes, who sleeps where, the total."""
        return self._texts.render(
            data.request.language,
            "confirmed",
            rooms=rooms,
            missed=data.failed,
            total=data.total,
            currency=data.currency,
            found_later=data.found_later,
            house=data.property.name,
            check_in=_day(data.request.check_in, data.request.language),
            check_out=_day(data.request.check_out, data.request.language),
        )

    def refused(self, data: MultiRoomData, refusal: RefusalDetails) -> str:
        """Why nothing was booked, and that nothing was charged."""
        return self._refused(data.request.language, refusal, data.currency or "USD")

    def invalid(self, message: RequestInvalid) -> str:
        """What is missing or wrong in a request."""
        return self._refused(message.language, message.refusal, "USD")

    def search_started(self, data: MultiRoomData) -> str:
        """The payment has not arrived yet."""
        return self._waiting("search_started", data)

    def escalated(self, data: MultiRoomData) -> str:
        """A person looks for the payment now."""
        return self._waiting("escalated", data)

    def _waiting(self, text: str, data: MultiRoomData) -> str:
        return self._texts.render(
            data.request.language,
            text,
            house=data.property.name,
            total=data.total,
            currency=data.currency,
            rooms=len(data.rooms),
            kept=not data.freed,
        )

    def _refused(self, language: Language, refusal: RefusalDetails, currency: str) -> str:
        details = {name: _worded(value, language) for name, value in refusal.details.items()}
        if "codes" in details:  # payments words them in the property's language, this guest may read another
            details |= {"codes_text": self._texts.render(language, "codes", codes=details["codes"])}
        return self._texts.render(
            language,
            "refused",
            reason=refusal.reason,
            text=refusal.text,
            details={name: value for name, value in details.items() if value},
            field=details.get("field") if refusal.reason == Reason.INVALID_REQUEST else None,
            fields=[problem["field"] for problem in details.get("problems", ())],
            currency=currency,
        )


@lru_cache(maxsize=1024)
def _day(day: date, language: Language) -> str:
    return format_date(day, "long", locale=LOCALES[language])


def _worded(value: Any, language: Language) -> Any:
    """Figures travel as text: amounts become decimals again, and days are written as people write them."""
    if not isinstance(value, str):
        return value
    if _DAY.fullmatch(value):
        with suppress(ValueError):
            return _day(date.fromisoformat(value), language)
    if value[-3:-2] == ".":
        with suppress(InvalidOperation):
            return Decimal(value)
    return value
