"""What one batch reads and changes: tenants with their bookings and threads, and new messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from services.conversations.threads.bookings import Booking, Version
from services.conversations.threads.contacts import Contacts, of_guest, of_sender
from services.conversations.threads.rules import Tenant, Thread
from shared.contracts.booking import BookingConfirmed
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, CancellationDecided, GuestNotShown
from shared.contracts.common import Channel
from shared.contracts.conversations import ChatMessage

# The events about a booking: confirmed, changed, ended.
BookingEvent: TypeAlias = BookingConfirmed | BookingModified | CancellationDecided | BookingCancelled | GuestNotShown
NO_CONVERSATIONS: Mapping[str, str] = {}
WITHOUT_PHONES = frozenset({Channel.MESSENGER, Channel.INSTAGRAM})
MessageKey = tuple[str, str]


class UnknownConversation(Exception):
    """A message in a provider's conversation that no thread has yet: it is retried, then dead-lettered."""


@dataclass(frozen=True, slots=True)
class PhoneRegion:
    """The country (ISO, two letters) of phone numbers without a country code."""

    region: str


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A new message with its thread."""

    thread: Thread
    message: ChatMessage
    sent_at: datetime
    received_at: datetime

    @property
    def key(self) -> MessageKey:
        """The key by which a repeated message is recognised."""
        return key_of(self.message)


@dataclass
class UnitOfWork:
    """What a batch reads and changes. `tenants` has the tenant of every contact; several contacts may share one.

    `conversations` maps conversations at providers that belong to a thread to the thread's contact.
    """

    region: PhoneRegion
    tenants: dict[str, Tenant] = field(default_factory=dict)
    conversations: dict[str, str] = field(default_factory=dict)
    known_messages: set[MessageKey] = field(default_factory=set)
    known_bookings: dict[UUID, Booking] = field(default_factory=dict)
    new_subscribers: dict[str, str] = field(default_factory=dict)
    new_messages: list[StoredMessage] = field(default_factory=list)

    def tenant(self, contacts: Contacts, now: datetime) -> Tenant | None:
        """The tenant with these contacts of one person; None without a contact.

        When a phone and a subscriber id appear together, their two tenants are merged.
        """
        if contacts.main is None:
            return None
        tenant = self.tenants[contacts.main]
        if contacts.phone and contacts.subscriber:
            former = self.tenants[contacts.subscriber]
            if former is not tenant:
                if former.contact == contacts.subscriber:
                    tenant.merge(former, now)
                self.tenants[contacts.subscriber] = tenant
                self.new_subscribers[contacts.subscriber] = contacts.phone
        return tenant

    def store(self, thread: Thread, message: ChatMessage, now: datetime) -> None:
        """Add a message to be stored in a thread."""
        stored = StoredMessage(thread, message, message.sent_at, now)
        self.new_messages.append(stored)
        self.known_messages.add(stored.key)

    @property
    def everybody(self) -> list[Tenant]:
        """Each tenant once."""
        return list({id(tenant): tenant for tenant in self.tenants.values()}.values())


def key_of(message: ChatMessage) -> MessageKey:
    """A message's channel and its id at the provider."""
    return message.channel.value, message.message_id


def contacts_of(
    message: ChatMessage | BookingEvent, region: PhoneRegion, conversations: Mapping[str, str] = NO_CONVERSATIONS
) -> Contacts:
    """The contacts of the tenant who wrote, was written to, or booked.

    Raises:
        UnknownConversation: when staff wrote in a provider's conversation that no thread has yet.
    """
    if isinstance(message, ChatMessage):
        contact_text = _tenants_contact(message, conversations)
        return of_sender(contact_text, region.region, subscriber=message.channel in WITHOUT_PHONES)
    contact = message.contact
    return of_guest(
        contact.wa_id,
        contact.subscriber_id,
        message.guest.phone if message.guest else None,
        region.region,
        subscriber=contact.channel in WITHOUT_PHONES,
    )


def sender_of(message: ChatMessage, region: PhoneRegion) -> str | None:
    """The tenant's contact in the message's channel: a phone as E.164, else an id as it came."""
    if conversation_of(message):
        return None
    return of_sender(message.contact, region.region, subscriber=message.channel in WITHOUT_PHONES).main


def conversation_of(message: ChatMessage) -> str | None:
    """The conversation at the provider, when only that identifies the tenant."""
    return message.provider_thread_id if message.contact == message.provider_thread_id else None


def _tenants_contact(message: ChatMessage, conversations: Mapping[str, str]) -> str:
    conversation = conversation_of(message)
    if conversation is None:
        return message.contact
    if conversation not in conversations:
        raise UnknownConversation(f"no thread has the conversation {conversation} yet")
    return conversations[conversation]


def booking_of(message: BookingEvent, tenant: Tenant) -> Booking:
    """What an event says of a booking, with rooms in the request's order; the event of an end has no version."""
    off = isinstance(message, CancellationDecided | BookingCancelled | GuestNotShown)
    return Booking(
        id=message.booking_id,
        contact=tenant.contact,
        guest_name=message.guest.name if message.guest else tenant.contact,
        property_id=message.property.id,
        property_name=message.property.name,
        timezone=message.property.timezone,
        versions=(_version_of(message),) if isinstance(message, BookingConfirmed | BookingModified) else (),
        off_at=message.at if off else None,
    )


def _version_of(message: BookingConfirmed | BookingModified) -> Version:
    revision = message.revision if isinstance(message, BookingModified) else 0
    rooms = tuple(room.room for room in sorted(message.rooms, key=lambda room: room.line))
    return Version(message.at, revision, message.check_in, message.check_out, rooms)


def all_contacts(contacts: Iterable[Contacts]) -> list[str]:
    """Every contact once, sorted."""
    return sorted({contact for each in contacts for contact in each.all})
