"""Who is reached by which channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.delivery.model import Channel
from services.notifications.events.recipients import chat_addresses, phone_digits
from shared.contracts.booking import Contact
from shared.safety.masking import masked


def channels(phone: str | None = None, **contact: object) -> list[tuple[str, str]]:
    found = chat_addresses(Contact.model_validate(contact), phone, "SV")
    return [(address.channel.value, address.recipient) for address in found]


def test_ten_digits_are_whatsapp() -> None:
    assert channels(wa_id="50312345678") == [("whatsapp", "50312345678")]
    assert channels(wa_id="+50312345678") == [("whatsapp", "50312345678")]


def test_anything_else_is_a_subscriber_on_messenger_then_instagram() -> None:
    wanted = [("messenger", "fb_subscriber_123456"), ("instagram", "fb_subscriber_123456")]
    assert channels(subscriber_id="fb_subscriber_123456") == wanted
    assert channels(wa_id="fb_subscriber_123456") == wanted
    assert channels(wa_id="123456789") == [("messenger", "123456789"), ("instagram", "123456789")]


def test_the_named_channel_wins() -> None:
    assert channels(subscriber_id="s1", channel="instagram") == [("instagram", "s1"), ("messenger", "s1")]
    assert channels(wa_id="1234567890123456", channel="messenger")[0] == ("messenger", "1234567890123456")
    assert channels(subscriber_id="50371234567", channel="whatsapp")[0] == ("whatsapp", "50371234567")
    assert channels(wa_id="50371234567", channel="sms")[0] == ("sms", "50371234567")
    assert channels(wa_id="50371234567", channel="email") == []


def test_a_phone_stands_in_for_a_whatsapp_id() -> None:
    assert channels(phone="7123-4567") == [("whatsapp", "50371234567")]
    assert channels(phone="+1 (415) 555-2671") == [("whatsapp", "14155552671")]
    assert channels(phone="7123-4567", wa_id="50370000000") == [("whatsapp", "50370000000")]
    assert channels(phone="7123-4567", subscriber_id="s1")[-1] == ("whatsapp", "50371234567")
    assert channels(phone="call me") == []


def test_somebody_who_writes_on_both_has_both() -> None:
    assert [name for name, _ in channels(wa_id="50371234567", subscriber_id="s1")] == [
        "whatsapp",
        "messenger",
        "instagram",
    ]


@given(st.text(max_size=40), st.text(max_size=40), st.none() | st.sampled_from(Channel), st.text(max_size=20))
def test_whatever_comes_whatsapp_gets_digits(wa_id: str, subscriber: str, channel: Channel | None, phone: str) -> None:
    contact = Contact.model_construct(wa_id=wa_id or None, subscriber_id=subscriber or None, channel=channel)
    found = chat_addresses(contact, phone, "SV")
    assert len(found) == len(set(found))
    for address in found:
        assert address.recipient
        if address.channel in (Channel.WHATSAPP, Channel.SMS):
            assert address.recipient.isdigit()
            assert address.recipient.isascii()


@pytest.mark.parametrize("phone", [None, "", "x", "12", "+" + "9" * 40])
def test_no_phone_is_no_phone(phone: str | None) -> None:
    assert phone_digits(phone, "SV") is None


def test_masks_leave_only_edges() -> None:
    assert masked("ana@example.com") == "a***@example.com"
    assert masked("50371234567") == "***4567"
    assert masked("12345678") == "***"
