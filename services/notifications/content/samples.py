"""Sample events, with which every template is checked at the start and can be previewed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.notifications.content.rendering import BY_EMAIL_ONLY, TemplateBroken, Templates, problems_of
from services.notifications.delivery import Event
from services.notifications.properties import PropertySettings
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
from shared.contracts.booking.lifecycle import (
    BookingCancelled,
    BookingModified,
    GuestCheckedIn,
    GuestCheckedOut,
    NextSessionDue,
    PaymentEscalated,
)
from shared.contracts.common import Language, RefusalDetails
from shared.contracts.notifications import DeliveryRateFell, StaffAlerted
from shared.messages.message import Message

_BOOKING = UUID("00000000-0000-4000-8000-000000000001")
_AT = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
_REFUSAL = RefusalDetails(reason="not_enough_rooms", text="Junior: 3 / 2")
_PEOPLE = ((3, 0, 0), (2, 1, 0), (2, 1, 1))
_PROPERTY_SETTINGS = (
    PropertySettings(),
    PropertySettings(feedback_url="https://posada.example/opinion", show_rooms=True),
)
_CODES = ("HR26181", "HR26182", "HR26183")
_POLICY = {
    Language.SPANISH: "Sin cargo hasta 72 horas antes de la llegada; después, la primera noche.",
    Language.ENGLISH: "Free of charge until 72 hours before arrival; later, the first night.",
}


def samples(language: Language) -> Mapping[Event, list[Mapping[str, Any]]]:
    """The template variables of sample events, several for each kind of event."""
    confirmed = [_confirmed(language, rooms, later) for rooms in (1, 3, 30) for later in (False, True)]
    base = _outcome(language)
    forms: dict[Event, list[Message]] = {
        Event.CONFIRMED: [*confirmed],
        Event.REFUSED: [BookingRefused(**base, refusal=_REFUSAL)],
        Event.FAILED: [BookingFailed(**base, refusal=_REFUSAL)],
        Event.PAYMENT_SEARCH: [
            PaymentSearchStarted(**base, stage=stage, next_attempt_at=_AT, rooms_kept=kept)
            for stage, kept in ((1, True), (2, True), (3, True), (3, False))
        ],
        Event.PAYMENT_ESCALATED: [PaymentEscalated(**base)],
        Event.MODIFIED: [_modified(message) for message in confirmed[:4]],
        Event.CANCELLED: [
            BookingCancelled(
                **base,
                reservation_codes=_CODES[:number],
                fee=Decimal(fee),
                refund=Decimal(refund),
                currency="USD",
                rule=_POLICY[language] if number > 1 else "",
            )
            for number, fee, refund in ((1, "0.00", "258.75"), (3, "230.00", "460.00"))
        ],
        Event.CHECK_IN: [GuestCheckedIn(**base, reservation_codes=_CODES[:number]) for number in (1, 3)],
        Event.CHECK_OUT: [
            GuestCheckedOut(**base, reservation_codes=_CODES[:1], left_on=date(2026, 3, 17)),
            GuestCheckedOut(
                **base,
                reservation_codes=_CODES,
                left_on=date(2026, 3, 17),
                total=Decimal("732.50"),
                balance=Decimal("42.50"),
            ),
        ],
        Event.ARRIVAL_REMINDER: [*confirmed[:4]],
        Event.DEPARTURE_REMINDER: [*confirmed[:1]],
        Event.FEEDBACK: [*confirmed[:1]],
        Event.NEXT_SESSION: [_next_session(language, dated) for dated in (False, True)],
    }
    facts = {
        event: [
            dict(message) | {"property_settings": settings} for message in messages for settings in _PROPERTY_SETTINGS
        ]
        for event, messages in forms.items()
    }
    alert = StaffAlerted(booking_id=_BOOKING, code="saga_stuck", text="Capture fails.", details={"attempts": 5})
    return facts | {Event.STAFF_ALERT: [dict(alert)]}


def check(templates: Templates) -> None:
    """Render every template with every sample.

    Raises:
        TemplateBroken: naming the file and the problem.
    """
    for language in Language:
        for event, forms in samples(language).items():
            for facts in forms:
                templates.email(event, language, facts)
                if event not in BY_EMAIL_ONLY:
                    templates.chat(event, language, facts)
                    templates.sms(event, language, facts)
                    templates.parameters(event, language, facts)
            if event not in BY_EMAIL_ONLY:
                _check_body(event, language, {templates.body(event, language, facts) for facts in forms})
        templates.voice(Event.STAFF_ALERT, language, samples(language)[Event.STAFF_ALERT][0])
        for channels in ((), ("whatsapp", "email")):
            templates.undelivered(language, Event.CONFIRMED, channels)
        for problem in ("", "HTTP 503"):
            templates.delivery_rate(language, dict(_fell(problem)))


def _check_body(event: Event, language: Language, bodies: set[str]) -> None:
    """WhatsApp approves one fixed text, so samples may only change its slots."""
    name = f"template {language}/whatsapp/{event}.j2"
    if len(bodies) > 1:
        raise TemplateBroken(f"{name}: its text depends on the booking; only slots may")
    if problems := problems_of(bodies.pop()):
        raise TemplateBroken(f"{name}: {', '.join(problems)}")


def _fell(problem: str) -> DeliveryRateFell:
    return DeliveryRateFell(
        alarm_id=_BOOKING, channel="whatsapp", rate=0.5, wanted=0.95, finished=20, problem=problem, at=_AT
    )


def _modified(message: BookingConfirmed) -> BookingModified:
    return BookingModified.model_validate(message.model_dump() | {"revision": 1})


def _next_session(language: Language, dated: bool) -> NextSessionDue:
    return NextSessionDue(
        **_outcome(language),
        group_id="sample",
        service="Fisioterapia",
        completed=1,
        number=2,
        sessions=8,
        booked=1,
        remaining=7,
        earliest_on=date(2026, 3, 18) if dated else None,
        recommended_on=date(2026, 3, 22) if dated else None,
    )


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
    more = {"manage_url": "https://posada.example/b/sample", "cancellation_policy": _POLICY[language]}
    return BookingConfirmed(
        **(_outcome(language) | ({} if later else more)),
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
