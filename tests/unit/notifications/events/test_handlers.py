"""What each event leads to, without a database."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.notifications.delivery.model import Audience, Channel, Event, Status
from services.notifications.events import handlers
from services.notifications.unit_of_work import UnitOfWork
from shared.auth.signed_links import LinkRefused, SignedLinks
from shared.contracts.booking import Contact
from shared.contracts.notifications import GuestNotified, StaffAlerted
from tests.support.builders.notifications import NOW, a_composer, confirmed, failed, payment_search, refused

SUBSCRIBER = Contact(subscriber_id="fb_subscriber_123456")


def a_world(**composer: object) -> UnitOfWork:
    return UnitOfWork(a_composer(**composer))  # type: ignore[arg-type]


def planned(uow: UnitOfWork) -> list[tuple[str, str, str]]:
    return [(one.occasion, one.channel.value, one.status.value) for one in uow.new]


def test_a_confirmation_goes_by_email_and_chat_and_the_saga_hears_of_it() -> None:
    uow, message = a_world(local=()), confirmed()
    answers = handlers.booking_confirmed(uow, message, NOW)
    assert planned(uow) == [
        ("confirmed", "email", "pending"),
        ("confirmed", "whatsapp", "pending"),
        ("confirmed", "sms", "standby"),
    ]
    assert answers[0] == GuestNotified(booking_id=message.booking_id, channels=("email", "whatsapp"))


def test_without_providers_it_is_stored_at_once() -> None:
    uow = a_world()
    handlers.booking_confirmed(uow, confirmed(), NOW)
    assert {one.status for one in uow.new} == {Status.STORED}


def test_the_second_chat_channel_stands_by() -> None:
    uow = a_world(local=())
    answers = handlers.booking_confirmed(uow, confirmed(contact=SUBSCRIBER), NOW)
    assert planned(uow)[1:] == [("confirmed", "messenger", "pending"), ("confirmed", "instagram", "standby")]
    assert answers[0].channels == ("email", "messenger")  # type: ignore[attr-defined]


def test_a_guest_without_any_channel_is_for_staff() -> None:
    uow, message = a_world(), confirmed(guest=None, contact=Contact())
    answers = handlers.booking_confirmed(uow, message, NOW)
    assert uow.new == []
    assert answers[0] == GuestNotified(booking_id=message.booking_id, channels=())
    assert isinstance(answers[1], StaffAlerted)
    assert answers[1].code == "guest_not_notified"
    assert answers[1].details["property_id"] == "mar"


def test_a_refusal_goes_by_email_and_chat() -> None:
    uow = a_world(local=())
    assert handlers.booking_refused(uow, refused(), NOW) == []
    assert planned(uow) == [
        ("refused", "email", "pending"),
        ("refused", "whatsapp", "pending"),
        ("refused", "sms", "standby"),
    ]


def test_a_failure_goes_by_email_with_chat_standing_by() -> None:
    uow = a_world(local=())
    assert handlers.booking_failed(uow, failed(), NOW) == []
    assert planned(uow) == [
        ("failed", "email", "pending"),
        ("failed", "whatsapp", "standby"),
        ("failed", "sms", "standby"),
    ]


def test_a_failure_of_somebody_without_email_goes_by_chat() -> None:
    uow = a_world(local=())
    handlers.booking_failed(uow, failed(guest=None), NOW)
    assert planned(uow) == [("failed", "whatsapp", "pending"), ("failed", "sms", "standby")]


def test_each_stage_of_the_payment_search_is_an_occasion_of_its_own() -> None:
    uow = a_world()
    for stage in (1, 2):
        handlers.payment_search_started(uow, payment_search(stage), NOW)
    assert [one.occasion for one in uow.new if one.channel is Channel.EMAIL] == [
        "payment_search:1",
        "payment_search:2",
    ]


@pytest.mark.parametrize(
    ("address", "local", "wanted"),
    [
        (None, (), ("staff", Status.STORED)),
        ("desk@example.com", (), ("desk@example.com", Status.PENDING)),
        ("desk@example.com", tuple(Channel), ("desk@example.com", Status.STORED)),
    ],
)
def test_staff_are_told_by_email_or_in_the_outbox(
    address: str | None, local: tuple[Channel, ...], wanted: tuple[str, Status]
) -> None:
    uow = a_world(local=local, staff_email=address)
    alert = StaffAlerted(booking_id=confirmed().booking_id, code="saga_stuck", text="Capture fails.", details={"n": 5})
    assert handlers.staff_alerted(uow, alert, NOW) == []
    (delivery,) = uow.new
    assert (delivery.recipient, delivery.status) == wanted
    assert delivery.audience is Audience.STAFF
    assert "Capture fails." in delivery.content.text


def test_two_alerts_of_a_booking_are_two_and_one_twice_is_one() -> None:
    uow, booking_id = a_world(), confirmed().booking_id
    for text in ("Capture fails.", "Booking rooms fails.", "Capture fails."):
        handlers.staff_alerted(uow, StaffAlerted(booking_id=booking_id, code="saga_stuck", text=text), NOW)
    assert len({one.reference for one in uow.new}) == 2


def test_the_words_are_in_the_language_of_the_request() -> None:
    uow = a_world()
    handlers.booking_confirmed(uow, confirmed(language="en"), NOW)
    assert all("confirmed" in one.content.text for one in uow.new)
    assert {one.sender_name for one in uow.new} == {"Posada del Mar"}


def test_emails_of_a_booking_carry_its_signed_link() -> None:
    links = SignedLinks("https://posada.example/b", SecretStr("a key that nobody guesses, of 32+"))
    uow = UnitOfWork(replace(a_composer(local=()), links=links))
    message = confirmed()
    handlers.booking_confirmed(uow, message, NOW)
    html, entry = uow.new[0].content.html, uow.new[0].content.entry
    found = re.search(r"https://posada\.example/b/([\w-]+)", html or "")
    assert found
    assert links.subject(found[1], NOW + timedelta(days=40)) == message.booking_id
    assert found[0] in (entry.description if entry else "")
    with pytest.raises(LinkRefused):
        links.subject(found[1], NOW + timedelta(days=50))
    handlers.booking_refused(uow, refused(), NOW)
    assert "posada.example" not in (uow.new[-3].content.html or "")


def test_a_property_may_send_more_by_chat() -> None:
    composer = a_composer(local=())
    uow = UnitOfWork(type(composer)(composer.templates, "SV", frozenset(Event), (), None, composer.staff_language))
    handlers.booking_failed(uow, failed(), NOW)
    assert planned(uow)[1] == ("failed", "whatsapp", "pending")
