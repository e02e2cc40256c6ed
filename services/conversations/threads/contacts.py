"""Contacts of a tenant: phones in E.164, and subscriber ids as they come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

SHORTEST_ID_WITH_COUNTRY = 10


@dataclass(frozen=True, slots=True)
class Contacts:
    """How a tenant is reached: by phone (E.164), by subscriber id, by both, or not at all."""

    phone: str | None = None
    subscriber: str | None = None

    @property
    def main(self) -> str | None:
        """The contact that identifies the tenant: the phone, or the subscriber id while no phone is known."""
        return self.phone or self.subscriber

    @property
    def all(self) -> tuple[str, ...]:
        """Phone and subscriber id, as far as they are known."""
        return tuple(contact for contact in (self.phone, self.subscriber) if contact)


def is_phone(contact: str) -> bool:
    """Whether a normalised contact is a phone."""
    return contact.startswith("+")


def of_sender(contact: str, region: str, *, subscriber: bool) -> Contacts:
    """The contact that a chat message came from; `subscriber`: its channel has no phone numbers."""
    number = None if subscriber else e164(contact, region)
    return Contacts(phone=number) if number else Contacts(subscriber=contact)


def of_guest(
    wa_id: str | None, subscriber_id: str | None, phone: str | None, region: str, *, subscriber: bool
) -> Contacts:
    """A guest's contacts. A WhatsApp number goes before `phone`; a WhatsApp id that is no number is a subscriber id.

    `subscriber`: the request named a channel without phone numbers.
    """
    number = e164(wa_id, region) if wa_id and (subscriber_id or not subscriber) else None
    return Contacts(
        phone=number or (e164(phone, region) if phone else None),
        subscriber=subscriber_id or (wa_id if number is None else None),
    )


@lru_cache(maxsize=10_000)
def e164(text: str, region: str) -> str | None:
    """A phone number as E.164, or None if the text is no phone number.

    Ten or more digits are read as a WhatsApp id, which begins with the country code; fewer as a number of `region`
    (ISO, two letters).
    """
    with_country = text.isascii() and text.isdigit() and len(text) >= SHORTEST_ID_WITH_COUNTRY
    attempts = (f"+{_without_mobile_mark(text)}", text) if with_country else (text,)
    return next((number for attempt in attempts if (number := _parsed(attempt, region))), None)


def _parsed(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _without_mobile_mark(wa_id: str) -> str:
    """A WhatsApp id without the 1 after Mexico's country code, which phone numbers no longer have."""
    return f"52{wa_id[3:]}" if wa_id.startswith("521") and len(wa_id) == len("5215512345678") else wa_id
