"""The texts that tell a guest what became of a request: never how rooms are chosen, and no room numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from services.booking.record import TEXTS, day_text
from services.booking.requests.saga.data import RequestData
from shared.contracts.booking import BookedRoom, RequestInvalid
from shared.contracts.common import Language, Reason, RefusalDetails

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def confirmed(data: RequestData, rooms: Sequence[BookedRoom]) -> str:
    """All codes, who sleeps where, and the total."""
    request = data.request
    return TEXTS.render(
        request.language,
        "confirmed",
        rooms=rooms,
        missed=data.failed,
        total=data.total,
        currency=data.currency,
        found_later=data.found_later,
        property_name=data.property.name,
        check_in=day_text(request.check_in, request.language),
        check_out=day_text(request.check_out, request.language),
    )


def refused(data: RequestData, refusal: RefusalDetails) -> str:
    """Why nothing was booked, and that nothing was charged."""
    return _refused(data.request.language, refusal, data.currency or "USD")


def invalid(message: RequestInvalid) -> str:
    """What is missing or wrong in a request."""
    return _refused(message.language, message.refusal, "USD")


def search_started(data: RequestData) -> str:
    """The payment has not arrived yet."""
    return _waiting("search_started", data)


def escalated(data: RequestData) -> str:
    """A person looks for the payment now."""
    return _waiting("escalated", data)


def _waiting(text: str, data: RequestData) -> str:
    return TEXTS.render(
        data.request.language,
        text,
        property_name=data.property.name,
        total=data.total,
        currency=data.currency,
        rooms=len(data.rooms),
        kept=not data.freed,
    )


def _refused(language: Language, refusal: RefusalDetails, currency: str) -> str:
    details = {name: _readable(value, language) for name, value in refusal.details.items()}
    if "codes" in details:  # payments words them in the property's language, this guest may read another
        details |= {"codes_text": TEXTS.render(language, "codes", codes=details["codes"])}
    return TEXTS.render(
        language,
        "refused",
        reason=refusal.reason,
        text=refusal.text,
        details={name: value for name, value in details.items() if value},
        field=details.get("field") if refusal.reason == Reason.INVALID_REQUEST else None,
        fields=[problem["field"] for problem in details.get("problems", ())],
        currency=currency,
    )


def _readable(value: Any, language: Language) -> Any:
    """Amounts and days travel as strings: amounts become decimals again, and days are written as people write them."""
    if not isinstance(value, str):
        return value
    if _DAY.fullmatch(value):
        with suppress(ValueError):
            return day_text(date.fromisoformat(value), language)
    if value[-3:-2] == ".":
        with suppress(InvalidOperation):
            return Decimal(value)
    return value
