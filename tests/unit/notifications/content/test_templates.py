"""Every template, with real data, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from services.notifications.content.rendering import BY_EMAIL_ONLY, TEMPLATES, TemplateBroken, Templates
from services.notifications.content.samples import check, samples
from services.notifications.delivery.model import Event
from shared.contracts.booking import Guest, PropertyFacts
from shared.contracts.common import Language
from tests.support.builders import notifications
from tests.support.builders.notifications import a_missed_room, a_room, confirmed, facts_of

BOTH = pytest.mark.parametrize("language", list(Language))
TU = ("tienes", "tu ", "tus ", "puedes", "contáctanos", "te ", "has ")


def chat(message: Any, event: Event = Event.CONFIRMED) -> str:
    return notifications.TEMPLATES.chat(event, message.language, facts_of(message)).text


def email(message: Any, event: Event = Event.CONFIRMED) -> Any:
    return notifications.TEMPLATES.email(event, message.language, facts_of(message))


def every_text(message: Any, event: Event = Event.CONFIRMED) -> list[str]:
    content = email(message, event)
    return [chat(message, event), content.text, content.html]


def test_one_room_in_spanish() -> None:
    text = chat(confirmed(a_room(adults=2, children_0_to_5=1)))
    assert text == (
        "Hola, Ana López. Su reservación en Posada del Mar está confirmada.\n\n"
        "Código: HR26181\n"
        "Junior: 2 adultos, 1 niño de 0 a 5 años\n"
        "Del 15 de marzo de 2026 al 16 de marzo de 2026 (1 noche)\n"
        "Total: $258.75\n\n"
        "Le enviamos los detalles por correo electrónico."
    )


def test_three_rooms_in_spanish() -> None:
    text = chat(confirmed(a_room(1), a_room(2), a_room(3, adults=2, amount="172.50")))
    assert "Sus 3 habitaciones en Posada del Mar están confirmadas." in text
    assert "1. Junior, código HR26181: 3 adultos\n2. Junior, código HR26182: 3 adultos\n" in text
    assert "3. Junior, código HR26183: 2 adultos\n" in text
    assert "Total: $690.00" in text


def test_three_rooms_in_english() -> None:
    content = email(confirmed(a_room(1), a_room(2), a_room(3), language="en"))
    assert content.subject == "Your 3 rooms at Posada del Mar are confirmed"
    assert "Codes: HR26181, HR26182, HR26183 (3 rooms)" in content.text
    assert "March 15, 2026 to March 16, 2026 (1 night)" in content.text


def test_codes_of_several_rooms_in_spanish() -> None:
    assert "HR26181, HR26182, HR26183 (3 habitaciones)" in email(confirmed(a_room(1), a_room(2), a_room(3))).text


@BOTH
def test_no_guest_learns_a_room_number(language: Language) -> None:
    message = confirmed(a_room(1, room="R-401"), a_room(2, room="R-402"), language=language)
    assert not any("R-40" in text for text in every_text(message))


@BOTH
def test_empty_age_groups_are_left_out(language: Language) -> None:
    for text in every_text(confirmed(a_room(adults=3), language=language)):
        assert "niño" not in text
        assert "child" not in text
        assert "0 adult" not in text


@BOTH
def test_nobody_at_all_leaves_no_loose_punctuation(language: Language) -> None:
    text = chat(confirmed(a_room(adults=0), language=language))
    assert "Junior\n" in text


def test_every_age_group_and_extra_beds() -> None:
    text = chat(confirmed(a_room(adults=1, children_6_to_10=2, children_0_to_5=1, extra_beds=1)))
    assert "Junior: 1 adulto, 2 niños de 6 a 10 años, 1 niño de 0 a 5 años, 1 cama adicional" in text


@pytest.mark.parametrize(
    ("language", "words"), [("es", "Ya encontramos su pago"), ("en", "We have found your payment")]
)
def test_a_payment_found_later_is_worded_so(language: str, words: str) -> None:
    assert all(words in text for text in every_text(confirmed(payment_found_later=True, language=language)))
    assert not any(words in text for text in every_text(confirmed(language=language)))


@pytest.mark.parametrize(
    ("language", "words"), [("es", "No pudimos conseguirle 2 de las 3"), ("en", "could not get you 2 of the 3 rooms")]
)
def test_best_effort_says_how_many_could_not_be_had(language: str, words: str) -> None:
    message = confirmed(a_room(), missed=(a_missed_room(8), a_missed_room(9)), language=language)
    assert all(words in text for text in every_text(message))
    assert "Familiar: no queda ninguno" in email(message).text


@BOTH
def test_fifty_rooms_fit_into_one_whatsapp_message_with_every_code(language: Language) -> None:
    message = confirmed(*[a_room(line, type_label="Bungaló Familiar") for line in range(1, 51)], language=language)
    text = chat(message)
    assert len(text) <= 4096
    assert all(room.code in text for room in message.rooms)


@BOTH
def test_refusals_carry_the_reason_and_whom_to_contact(language: Language) -> None:
    for event, message in ((Event.REFUSED, notifications.refused()), (Event.FAILED, notifications.failed())):
        for text in every_text(message.model_copy(update={"language": language}), event):
            assert "Solo quedan dos Junior." in text
            assert "+503 2222 3333" in text


@BOTH
def test_a_later_stage_of_the_search_is_worded_unlike_the_first(language: Language) -> None:
    first, second = (
        chat(notifications.payment_search(stage, language=language), Event.PAYMENT_SEARCH) for stage in (1, 2)
    )
    assert first != second


def test_spanish_addresses_the_guest_as_usted() -> None:
    for event, forms in samples(Language.SPANISH).items():
        for facts in forms:
            content = notifications.TEMPLATES.email(event, Language.SPANISH, facts)
            words = f" {content.subject} {content.text} ".lower()
            assert not any(f" {word}" in words for word in TU)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@BOTH
def test_no_text_of_a_guest_becomes_html(language: Language) -> None:
    evil = "<script>alert('x')</script>"
    given: dict[str, Any] = {
        "language": language,
        "guest": Guest(name=evil, email="ana@example.com"),
        "property": PropertyFacts(id="x", name=evil, timezone="UTC", contact=evil),
        "text": evil,
    }
    messages = (
        (Event.CONFIRMED, confirmed(a_room(type_label=evil, code=evil), instructions=evil, package=evil, **given)),
        (Event.CONFIRMED, confirmed(a_room(1), missed=(a_missed_room().model_copy(update={"text": evil}),), **given)),
        (Event.REFUSED, notifications.refused(**given)),
        (Event.FAILED, notifications.failed(**given)),
        (Event.PAYMENT_SEARCH, notifications.payment_search(**given)),
    )
    for event, message in messages:
        html = email(message, event).html
        tags = _Tags()
        tags.feed(html)
        assert "script" not in tags.tags
        assert "&lt;script&gt;" in html


def test_a_subject_is_one_line_whatever_the_name() -> None:
    name = PropertyFacts(id="x", name="Posada\r\nBcc: all@example.com", timezone="UTC")
    assert "\n" not in email(confirmed(property=name)).subject


names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=50).filter(str.strip)


@given(name=names, language=st.sampled_from(Language))
def test_a_template_is_never_made_of_a_guests_words(name: str, language: Language) -> None:
    text = chat(confirmed(guest=Guest(name=name, email="ana@example.com"), language=language))
    assert name.strip() in text


@BOTH
def test_a_guest_without_an_email_is_not_told_of_one(language: Language) -> None:
    text = chat(confirmed(guest=None, language=language))
    assert "correo" not in text
    assert "e-mail" not in text


def test_money_and_dates_follow_the_region() -> None:
    spain = Templates("ES")
    text = spain.chat(Event.CONFIRMED, Language.SPANISH, facts_of(confirmed())).text
    assert "258,75\xa0US$" in text


class TestStartUp:
    def test_what_we_ship_is_whole(self) -> None:
        check(notifications.TEMPLATES)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))

    @pytest.mark.parametrize("language", ["es", "en"])
    def test_a_missing_template_is_an_error(self, folder: Path, language: str) -> None:
        (folder / language / "chat" / "refused.j2").unlink()
        with pytest.raises(TemplateBroken, match=f"{language}/chat/refused"):
            Templates("SV", folder)

    def test_a_missing_variable_is_an_error(self, folder: Path) -> None:
        (folder / "en" / "email" / "failed.j2").write_text("{{ guest.nickname }}")
        with pytest.raises(TemplateBroken, match=r"en/email/failed\.j2.*nickname"):
            check(Templates("SV", folder))

    def test_a_mistake_in_the_syntax_is_an_error(self, folder: Path) -> None:
        (folder / "es" / "parts.j2").write_text("{% if %}")
        with pytest.raises(TemplateBroken, match=r"es/parts\.j2"):
            Templates("SV", folder)

    def test_every_event_has_a_sample_in_every_form(self) -> None:
        renders: list[Callable[..., Any]] = [notifications.TEMPLATES.email, notifications.TEMPLATES.chat]
        assert set(samples(Language.ENGLISH)) == set(Event)
        for event in set(Event) - BY_EMAIL_ONLY:
            for facts in samples(Language.ENGLISH)[event]:
                assert all(render(event, Language.ENGLISH, facts).text for render in renders)


EVERY = [(event, language) for event in Event for language in Language]


@pytest.mark.parametrize(("event", "language"), EVERY)
def test_every_template_of_every_channel_renders_with_real_data(event: Event, language: Language) -> None:
    for facts in samples(language)[event]:
        texts = [notifications.TEMPLATES.email(event, language, facts)]
        if event in BY_EMAIL_ONLY:
            texts.append(notifications.TEMPLATES.voice(event, language, facts))
        else:
            texts += [
                notifications.TEMPLATES.chat(event, language, facts),
                notifications.TEMPLATES.sms(event, language, facts),
            ]
        for one in texts:
            words = f" {one.subject or ''} {one.text} ".lower()
            assert "none" not in words
            assert "{{" not in words
            assert language is Language.ENGLISH or not any(f" {word}" in words for word in TU)
        if event not in BY_EMAIL_ONLY:
            names = dict(notifications.TEMPLATES.parameters(event, language, facts))
            assert names
            assert not any("\n" in value for value in names.values())


class TestWhatsAppTemplates:
    @BOTH
    def test_a_body_stays_the_same_whatever_the_booking(self, language: Language) -> None:
        bodies = {
            notifications.TEMPLATES.body(Event.CONFIRMED, language, facts)
            for facts in samples(language)[Event.CONFIRMED]
        }
        assert len(bodies) == 1

    def test_a_body_that_depends_on_the_booking_is_an_error_at_the_start(self, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))
        changing = 'Hola, {{ slot("guest", guest.name) }}. {{ rooms | length }} habitaciones.'
        (folder / "es" / "whatsapp" / "confirmed.j2").write_text(changing)
        with pytest.raises(TemplateBroken, match=r"es/whatsapp/confirmed\.j2.*only slots may"):
            check(Templates("SV", folder))

    @pytest.mark.parametrize("body", ['{{ slot("a", 1) }} hola', 'hola {{ slot("a", 1) }}{{ slot("b", 2) }}.', "hola"])
    def test_a_body_that_whatsapp_would_refuse_is_an_error(self, tmp_path: Path, body: str) -> None:
        folder = Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))
        (folder / "en" / "whatsapp" / "feedback.j2").write_text(body)
        with pytest.raises(TemplateBroken, match=r"en/whatsapp/feedback\.j2"):
            check(Templates("SV", folder))


class TestConfirmationEmail:
    def test_it_has_the_policy_the_link_and_whom_to_contact_in_both_forms(self) -> None:
        message = confirmed(
            manage_url="https://posada.example/b/1?a=1&b=2", cancellation_policy="Sin cargo hasta el 12."
        )
        content = email(message)
        for text, link in ((content.text, "b/1?a=1&b=2"), (content.html, "b/1?a=1&amp;b=2")):
            assert link in text
            assert "Sin cargo hasta el 12." in text
            assert "+503 2222 3333" in text
        assert "max-width: 480px" in content.html  # and narrow screens get a form of their own

    @pytest.mark.parametrize(("kind", "method", "status"), [("confirmed", "PUBLISH", "CONFIRMED")])
    def test_its_calendar_is_read_by_a_calendar(self, kind: str, method: str, status: str) -> None:
        message = confirmed(a_room(1), a_room(2))
        (delivery, *_) = notifications.a_composer().to_guest(Event(kind), message)
        calendar = Calendar.from_ical(delivery.content.calendar or "")
        (entry,) = calendar.walk("VEVENT")
        assert (calendar["METHOD"], entry["STATUS"], entry["UID"]) == (method, status, f"{message.booking_id}@posada")
        assert entry.decoded("DTSTART").isoformat() == "2026-03-15T21:00:00+00:00"  # 15:00 in El Salvador
        assert entry["DESCRIPTION"] == "HR26181, HR26182"
