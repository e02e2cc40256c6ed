"""Which channels reach a guest, in which order, and at which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers

from services.notifications.delivery import Channel
from shared.contracts.booking import Contact

SHORTEST_WHATSAPP_ID = 10
MANYCHAT = (Channel.MESSENGER, Channel.INSTAGRAM)


@dataclass(frozen=True, slots=True)
class Address:
    """A channel and an address on it: digits for WhatsApp and SMS, a subscriber id, or an e-mail address."""

    channel: Channel
    recipient: str


def chat_addresses(
    contact: Contact, phone: str | None, region: str, last_resort: Sequence[Channel] = ()
) -> list[Address]:
    """Every chat address of a guest, best first; none when the request named e-mail.

    A `phone` without a country code is one of `region` (ISO, two letters). `last_resort` are channels to try after
    all that the guest uses.
    """
    named = Channel(contact.channel) if contact.channel else None
    if named is Channel.EMAIL:
        return []
    number, subscriber = _identify(contact, named)
    dialled = number or phone_digits(phone, region)
    by_channel = {
        Channel.WHATSAPP: dialled,
        Channel.SMS: dialled,
        Channel.MESSENGER: subscriber,
        Channel.INSTAGRAM: subscriber,
    }
    order = dict.fromkeys([*_order(named, from_chat=bool(number)), *last_resort])
    return [Address(channel, recipient) for channel in order if (recipient := by_channel.get(channel))]


def _identify(contact: Contact, named: Channel | None) -> tuple[str | None, str | None]:
    """The WhatsApp number and the subscriber id. An id that is no number, or of another channel, is a subscriber id."""
    given = contact.wa_id or (contact.subscriber_id if named is Channel.WHATSAPP else None)
    wa_id = (given or "").removeprefix("+")
    is_number = wa_id.isascii() and wa_id.isdigit() and len(wa_id) >= SHORTEST_WHATSAPP_ID
    if named in MANYCHAT and not contact.subscriber_id:
        is_number = False
    if is_number:
        return wa_id, contact.subscriber_id
    return None, contact.subscriber_id or contact.wa_id


def _order(named: Channel | None, *, from_chat: bool) -> list[Channel]:
    """The named channel, then the one that the guest wrote from, then the others; SMS only when it is named."""
    usual = [Channel.WHATSAPP, *MANYCHAT] if from_chat else [*MANYCHAT, Channel.WHATSAPP]
    return [named, *(channel for channel in usual if channel is not named)] if named else usual


def phone_digits(phone: str | None, region: str) -> str | None:
    """A phone number in WhatsApp's form, country code and number as digits; None if the text is no phone number."""
    try:
        number = phonenumbers.parse(phone or "", region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def chat_address(channel: Channel, contact: str) -> str:
    """A sender's address as we store it: digits only for a phone number."""
    if channel not in (Channel.WHATSAPP, Channel.SMS):
        return contact
    digits = "".join(letter for letter in contact if letter.isascii() and letter.isdigit())
    return digits or contact
