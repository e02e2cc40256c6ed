"""Which channels reach a guest, and under which address; the first is tried first."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from shared.contracts.booking import Contact
from shared.contracts.common import Channel

SHORTEST_WHATSAPP_ID = 10
MANYCHAT = (Channel.MESSENGER, Channel.INSTAGRAM)


@dataclass(frozen=True, slots=True)
class Address:
    """A channel and whom it reaches there: digits for WhatsApp and SMS, a subscriber id, an e-mail address."""

    channel: Channel
    recipient: str


def chat_addresses(contact: Contact, phone: str | None, region: str) -> list[Address]:
    """Every chat address of a guest, best first; none where the request asked for e-mail.

    `phone` may lack its country's prefix, which is then that of `region` (ISO, two letters).
    """
    if contact.channel is Channel.EMAIL:
        return []
    number, subscriber = _identify(contact)
    dialled = number or phone_digits(phone, region)
    by_channel = {
        Channel.WHATSAPP: dialled,
        Channel.SMS: dialled,
        Channel.MESSENGER: subscriber,
        Channel.INSTAGRAM: subscriber,
    }
    order = _order(contact.channel, from_chat=bool(number))
    return [Address(channel, recipient) for channel in order if (recipient := by_channel[channel])]


def _identify(contact: Contact) -> tuple[str | None, str | None]:
    """The WhatsApp number and the subscriber id: what is no number, or is named so, is a subscriber's."""
    given = contact.wa_id or (contact.subscriber_id if contact.channel is Channel.WHATSAPP else None)
    wa_id = (given or "").removeprefix("+")
    is_number = wa_id.isascii() and wa_id.isdigit() and len(wa_id) >= SHORTEST_WHATSAPP_ID
    if contact.channel in MANYCHAT and not contact.subscriber_id:
        is_number = False
    if is_number:
        return wa_id, contact.subscriber_id
    return None, contact.subscriber_id or contact.wa_id


def _order(named: Channel | None, *, from_chat: bool) -> list[Channel]:
    """The named channel, then where the guest wrote from, then the rest; SMS only where it was named."""
    usual = [Channel.WHATSAPP, *MANYCHAT] if from_chat else [*MANYCHAT, Channel.WHATSAPP]
    return [named, *(channel for channel in usual if channel is not named)] if named else usual


def phone_digits(phone: str | None, region: str) -> str | None:
    """A phone number as WhatsApp wants it, country and national number without a sign; None if it is none."""
    try:
        number = phonenumbers.parse(phone or "", region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
