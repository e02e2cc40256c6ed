"""What guests read of a booking, and what its course says over HTTP, with personal data masked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.booking import api
from services.booking.consumers import routes
from services.booking.repository import Repository
from services.booking.requests import events
from services.booking.requests.saga.data import RequestData
from services.notifications.content.rendering import Templates
from services.notifications.delivery.model import Event
from shared.consumer.processor import Processor
from shared.contracts.availability import FailedRoom, RoomsHeld
from shared.contracts.booking import BookingConfirmed, booking_id_of
from shared.contracts.common import Language, Policy, Reason
from shared.contracts.payments import PaymentReserved
from shared.database.pool import Database
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from shared.saga.state import Verdict
from shared.saga.table import Rejection
from tests.support.builders.bookings import CODES, PROPERTY, answer_of, held, replies, request
from tests.support.doubles.transport import START, MovedClock, PostOffice, process_records, raw_record, record_of
from tests.support.servers.databases import FreshDatabase

FAILED = FailedRoom(line=3, type="bungalow_junior", reason="not_enough_rooms", text="none")
GENERIC = {"es": "No pudimos completar su reservación. Por favor,", "en": "We could not complete your booking. Please"}


def data(adults: tuple[int, ...] = (3, 3, 2), language: str = "es", **more: Any) -> RequestData:
    """A booking that is about to be confirmed."""
    rooms = held(adults=adults)
    base = RequestData(
        booking_id=booking_id_of("r1"),
        request=request(language=language),
        property=PROPERTY,
        policy=Policy.ALL_OR_NOTHING,
        rooms=rooms.rooms,
        total=rooms.total,
        currency="USD",
        codes=dict(enumerate(CODES, 1)),
    )
    return base.but(**more)


def text(facts: RequestData) -> str:
    message = events.confirmed(facts, START).message
    assert isinstance(message, BookingConfirmed)
    return message.text


def test_several_rooms_in_spanish() -> None:
    said = text(data())
    for line in (
        "Su reservación en Las Hojas Resort está confirmada.",
        "3 habitaciones:",
        "1. Junior, código HR26181: 3 adultos",
        "3. Junior, código HR26183: 2 adultos",
        "Total: $690.00.",
        "correo electrónico",
    ):
        assert line in said
    assert "0 a 5" not in said
    assert "de 6 a 10" not in said


def test_several_rooms_in_english() -> None:
    said = text(data(language="en"))
    assert "3 rooms:" in said
    assert "2. Junior, code HR26182: 3 adults" in said
    assert "Total: $690.00." in said


@pytest.mark.parametrize(
    ("language", "line"), [("es", "Junior, código HR26181: 1 adulto."), ("en", "Junior, code HR26181: 1 adult.")]
)
def test_one_room_has_its_own_form(language: str, line: str) -> None:
    said = text(data((1,), language))
    assert line in said
    assert "1." not in said.replace("HR26181", "").split("Total")[0]


@pytest.mark.parametrize(("language", "opening"), [("es", "Hemos encontrado su pago"), ("en", "We have found your")])
@pytest.mark.parametrize("adults", [(2,), (3, 3, 2)])
def test_a_payment_found_later_says_so(language: str, opening: str, adults: tuple[int, ...]) -> None:
    assert text(data(adults, language, found_later=True)).startswith(opening)


@pytest.mark.parametrize(
    ("language", "one", "two"),
    [
        ("es", "No fue posible reservar 1 de las", "No fue posible reservar 2 de las"),
        ("en", "One of the rooms you asked for could not", "2 of the rooms you asked for could not"),
    ],
)
def test_best_effort_says_how_many_could_not_be_had(language: str, one: str, two: str) -> None:
    assert one in text(data((3, 3), language, failed=(FAILED,)))
    assert two in text(data((3,), language, failed=(FAILED, FAILED)))


def test_no_text_gives_a_room_number_away() -> None:
    rooms = tuple(room.model_copy(update={"room": "777"}) for room in held().rooms)
    assert "777" not in text(data(rooms=rooms))


def refused(language: str, reason: str, **details: Any) -> str:
    """What the guest reads; the refusal's own sentence is "internal words"."""
    no = Rejection(Verdict.REFUSED, reason, "internal words", details)
    event: Any = events.not_booked(data(language=language), no, START).message
    return str(event.text)


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("reason", [*Reason, "something_new"])
def test_every_refusal_is_worded_and_says_that_nothing_was_charged(language: str, reason: str) -> None:
    said = refused(language, reason)
    assert said.endswith("cobrado nada." if language == "es" else "booked or charged.")
    assert (GENERIC[language] in said) == (reason == "something_new")
    # Availability words for the guest which rooms are missing.
    assert ("internal words" in said) == (reason == Reason.NOT_ENOUGH_ROOMS)


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    ("reason", "details", "shown"),
    [
        ("payment_insufficient", {"difference": "90.00"}, "$90.00"),
        ("payment_used", {"codes": ["HR1", "HR2"], "used_on": "2026-10-03"}, "HR1, HR2"),
        ("unknown_property", {"field": "property_id"}, "prop"),
        ("price_differs", {"extra_beds_cost": "35.00"}, "$35.00"),
    ],
)
def test_a_refusal_shows_its_figures(language: str, reason: str, details: dict[str, Any], shown: str) -> None:
    assert shown in refused(language, reason, **details)


@pytest.mark.parametrize(
    ("language", "reason", "details", "said"),
    [
        ("es", "payment_used", {"codes": ["HR1"], "used_on": "2026-10-03"}, "para HR1 el 3 de octubre de 2026."),
        ("en", "payment_used", {"codes": ["HR1"], "used_on": "2026-10-03"}, "for HR1 on October 3, 2026."),
        ("en", "payment_used", {"codes": ["HR1", "HR2"], "codes_text": "HR1, HR2 (2 habitaciones)"}, "(2 rooms)."),
        ("es", "payment_used", {"codes": [], "codes_text": "N/A", "used_on": None}, "Ese pago ya se utilizó.\n"),
        ("es", "price_unavailable", {"night": "2026-10-03"}, "para la noche del 3 de octubre de 2026 con"),
        ("en", "price_unavailable", {"night": "2026-10-03"}, "for the night of October 3, 2026 with"),
        (
            "es",
            "invalid_request",
            {"field": "type", "room": 2},
            "el tipo de habitación que solicita en la habitación 2.",
        ),
        ("en", "invalid_request", {"field": "package"}, "The package you ask for does not exist"),
        ("en", "cancelled", {}, "Your request was cancelled.\n"),
        ("es", "rejected", {}, "El hotel no puede aceptar esta solicitud."),
        ("es", "invalid_request", {"field": "check_out"}, "Las fechas que solicita no son posibles"),
        ("en", "invalid_request", {"problems": [{"field": "guest.email", "problem": "no"}]}, "details: guest.email."),
        ("es", "party_does_not_fit", {"room": 3}, "El grupo no cabe en la habitación 3 que solicita."),
        ("en", "party_does_not_fit", {"room": 3}, "does not fit in room 3 of your request."),
    ],
)
def test_a_refusal_says_what_is_wrong_in_the_guests_words(
    language: str, reason: str, details: dict[str, Any], said: str
) -> None:
    event: Any = events.not_booked(
        data(language=language), Rejection(Verdict.REFUSED, reason, "", details), START
    ).message
    assert said in event.text
    assert "N/A" not in event.text
    assert "2026-10-03" not in event.text


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("event", [Event.REFUSED, Event.FAILED])
def test_a_guest_reads_once_that_nothing_was_charged(language: Language, event: Event) -> None:
    """Whatever a message adds around the text that booking wrote."""
    verdict = Verdict.REFUSED if event is Event.REFUSED else Verdict.FAILED
    outcome: Any = events.not_booked(data(language=language), Rejection(verdict, "payment_not_found"), START).message
    templates = Templates("SV")
    told = [templates.chat(event, language, dict(outcome)), templates.email(event, language, dict(outcome))]
    for words in [told[0].text, told[1].text, told[1].html or ""]:
        assert len(re.findall(r"cobr|charged", words)) == 1, words


def test_one_word_for_a_reservation_everywhere() -> None:
    texts = [*Path("services").glob("*/texts/es/*.j2"), *Path("services").glob("*/templates/es/**/*.j2")]
    assert len(texts) > 20
    assert [str(path) for path in texts if re.search(r"\breservas?\b", path.read_text(), re.IGNORECASE)] == []


class Booking:
    """The service over its database, told by hand and asked over HTTP."""

    def __init__(self, database: Database) -> None:
        self.office, repository, clock = PostOffice(), Repository(), MovedClock()
        self.consumer = Processor(
            routes(repository), database, OutboxPublisher(self.office, database, clock=clock), clock=clock
        )
        app = FastAPI()
        app.include_router(api.router(database, repository))
        self.http = AsyncClient(transport=ASGITransport(app), base_url="http://booking")

    async def tell(self, *messages: Message) -> None:
        for message in messages:
            await process_records(self.consumer, [record_of(message)])


@pytest.fixture
async def booking(fresh_database: FreshDatabase) -> AsyncIterator[Booking]:
    database = Database(fresh_database("booking"))
    await database.open()
    yield Booking(database)
    await database.close()


@pytest.mark.real
async def test_the_course_of_a_confirmed_booking(booking: Booking) -> None:
    await booking.tell(request(), *replies(settled=False))
    course = (await booking.http.get("/requests/r1")).json()
    assert course == (await booking.http.get(f"/bookings/{booking_id_of('r1')}")).json()
    assert (course["status"], course["codes"], course["total"]) == ("CONFIRMED", list(CODES), "690.00")
    assert [room["code"] for room in course["rooms"]] == list(CODES)
    assert course["guest"] == {"name": "A*** L***", "email": "a***@example.com", "phone": "***4567"}
    assert [(mark["step"], mark["what"]) for mark in course["course"]] == [
        ("hold rooms", "done"),
        ("reserve payment", "done"),
        ("confirm", "decided"),
    ]
    assert set(course["waiting_for"]) == {"book rooms", "capture payment", "tell the guest", "link the conversation"}
    assert [line["action"] for line in course["audit"]] == ["CREATE", "CONFIRM"]


@pytest.mark.real
async def test_a_batch_that_begins_and_decides_is_written_once(booking: Booking) -> None:
    batch = [request(), answer_of(RoomsHeld)]
    await process_records(booking.consumer, [record_of(message) for message in batch])
    await booking.tell(answer_of(PaymentReserved), request(), request())
    confirmed = [one for one in booking.office.messages if isinstance(one, BookingConfirmed)]
    assert len(confirmed) == 3
    assert all(one == confirmed[0] for one in confirmed)
    ids = {dict(row.headers)["ce_id"] for row in booking.office.rows if b"confirmed" in dict(row.headers)["ce_type"]}
    assert len(ids) == 1


@pytest.mark.real
async def test_a_request_that_brought_no_id_is_found_by_the_one_it_got(booking: Booking) -> None:
    body = request().model_dump_json(exclude={"request_id"}, exclude_none=True).encode()
    await process_records(booking.consumer, [raw_record("posada.booking.requests", body, offset=7, timestamp=99)])
    given = "kafka/posada.booking.requests/0/7/99"
    for path in (given, quote(given, safe="")):
        course = (await booking.http.get(f"/requests/{path}")).json()
        assert course["request_id"] == given


@pytest.mark.real
async def test_an_unknown_booking_is_not_found(booking: Booking) -> None:
    assert (await booking.http.get("/requests/unknown")).status_code == 404
