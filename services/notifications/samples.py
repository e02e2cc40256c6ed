"""Events as they might come, to try every template on at the start and to preview them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.notifications.deliveries import Event
from services.notifications.rendering import BY_EMAIL_ONLY, Templates
from shared.contracts.booking import (
    BookedRoom,
    BookingConfirmed,
    BookingFailed,
    BookingRefused,
    Guest,
    MissedRoom,
    PaymentSearchStarted,
    PropertyFacts,
)
from shared.contracts.common import Language, RefusalDetails
from shared.contracts.notifications import StaffAlerted

_BOOKING = UUID("00000000-0000-4000-8000-000000000001")
_AT = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
_REFUSAL = RefusalDetails(reason="not_enough_rooms", text="Junior: 3 / 2")
_PEOPLE = ((3, 0, 0), (2, 1, 0), (2, 1, 1))


def samples(language: Language) -> Mapping[Event, list[Mapping[str, Any]]]:
    """Every event's facts in each of its forms."""
    alert = StaffAlerted(booking_id=_BOOKING, code="saga_stuck", text="Capture fails.", details={"attempts": 5})
    return {
        Event.CONFIRMED: [dict(_confirmed(language, rooms, later)) for rooms in (1, 3, 30) for later in (False, True)],
        Event.REFUSED: [dict(BookingRefused(**_outcome(language), refusal=_REFUSAL))],
        Event.FAILED: [dict(BookingFailed(**_outcome(language), refusal=_REFUSAL))],
        Event.PAYMENT_SEARCH: [
            dict(PaymentSearchStarted(**_outcome(language), stage=stage, next_attempt_at=_AT)) for stage in (1, 2)
        ],
        Event.STAFF_ALERT: [dict(alert)],
    }


def check(templates: Templates) -> None:
    """Render every template with every sample that it must bear.

    Raises:
        TemplateBroken: naming the file and what it lacks.
    """
    for language in Language:
        for event, forms in samples(language).items():
            for facts in forms:
                templates.email(event, language, facts)
                if event not in BY_EMAIL_ONLY:
                    templates.chat(event, language, facts)
        for channels in ((), ("whatsapp", "email")):
            templates.undelivered(language, Event.CONFIRMED, channels)


def _confirmed(language: Language, number: int, later: bool) -> BookingConfirmed:
    rooms = tuple(
        BookedRoom(
            line=line,
            code=f"HR{26180 + line}",
            room=str(17 + line),
            type="bungalow_junior",
            type_label="Junior",
            adults=adults,
            children_6_to_10=older,
            children_0_to_5=younger,
            amount=Decimal("258.75"),
        )
        for line in range(1, number + 1)
        for adults, older, younger in [_PEOPLE[line % len(_PEOPLE)]]
    )
    missed = (MissedRoom(line=number + 1, type="Familiar", reason="not_enough_rooms", text="Familiar: 1 / 0"),)
    return BookingConfirmed(
        **_outcome(language),
        package="Las Hojas",
        rooms=rooms,
        number_of_rooms=number,
        missed=missed if later else (),
        total=Decimal("258.75") * number,
        currency="USD",
        payment_found_later=later,
        instructions="Cerca de la piscina" if later else None,
    )


def _outcome(language: Language) -> dict[str, Any]:
    return {
        "booking_id": _BOOKING,
        "request_id": "sample",
        "property": PropertyFacts(
            id="sample", name="Posada de Muestra", timezone="America/El_Salvador", contact="+503 2222 3333"
        ),
        "language": language,
        "guest": Guest(name="Ana López", email="ana@example.com"),
        "check_in": date(2026, 3, 15),
        "check_out": date(2026, 3, 17),
        "text": "Junior: 3 / 2",
        "at": _AT,
    }
