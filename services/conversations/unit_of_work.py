"""What a batch touches: tenants with their bookings and threads, and the messages that are new."""

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

# What is told of a booking: that it is, how it changed, that it is off.
Told: TypeAlias = BookingConfirmed | BookingModified | CancellationDecided | BookingCancelled | GuestNotShown
NOTHING: Mapping[str, str] = {}
WITHOUT_PHONES = frozenset({Channel.MESSENGER, Channel.INSTAGRAM})
MessageKey = tuple[str, str]


class UnknownConversation(Exception):
    """A message came before what says whose it is: another attempt will know, or a person has to."""


@dataclass(frozen=True, slots=True)
class PhoneRegion:
    """Where we are when nothing says otherwise: an ISO country for phones without a prefix."""

    region: str


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message with the thread that it is in."""

    thread: Thread
    message: ChatMessage
    sent_at: datetime
    received_at: datetime

    @property
    def key(self) -> MessageKey:
        """What makes a second delivery known as one."""
        return key_of(self.message)


@dataclass
class UnitOfWork:
    """Every contact of a batch has its tenant in `tenants`; several contacts may share one.

    `conversations` has the contacts behind the providers' conversations that are a thread's already.
    """

    place: PhoneRegion
    tenants: dict[str, Tenant] = field(default_factory=dict)
    conversations: dict[str, str] = field(default_factory=dict)
    known_messages: set[MessageKey] = field(default_factory=set)
    known_bookings: dict[UUID, Booking] = field(default_factory=dict)
    new_subscribers: dict[str, str] = field(default_factory=dict)
    new_messages: list[StoredMessage] = field(default_factory=list)

    def tenant(self, contacts: Contacts, now: datetime) -> Tenant | None:
        """The tenant behind contacts that belong to one person, None where there are none.

        A phone and a subscriber id that come together make one tenant out of what were two.
        """
        if contacts.main is None:
            return None
        tenant = self.tenants[contacts.main]
        if contacts.phone and contacts.subscriber:
            former = self.tenants[contacts.subscriber]
            if former is not tenant:
                if former.contact == contacts.subscriber:
                    tenant.take_over(former, now)
                self.tenants[contacts.subscriber] = tenant
                self.new_subscribers[contacts.subscriber] = contacts.phone
        return tenant

    def store(self, thread: Thread, message: ChatMessage, now: datetime) -> None:
        """Have a message written with the batch."""
        stored = StoredMessage(thread, message, message.sent_at, now)
        self.new_messages.append(stored)
        self.known_messages.add(stored.key)

    @property
    def everybody(self) -> list[Tenant]:
        """Each tenant once."""
        return list({id(tenant): tenant for tenant in self.tenants.values()}.values())


def key_of(message: ChatMessage) -> MessageKey:
    """The provider's id of a message, in its channel."""
    return message.channel.value, message.message_id


def contacts_of(
    message: ChatMessage | Told, place: PhoneRegion, conversations: Mapping[str, str] = NOTHING
) -> Contacts:
    """Who wrote or was written to, or who booked.

    Raises:
        UnknownConversation: when staff wrote in a provider's conversation that no thread is known by yet.
    """
    if isinstance(message, ChatMessage):
        return of_sender(
            _tenants_contact(message, conversations), place.region, subscriber=message.channel in WITHOUT_PHONES
        )
    contact = message.contact
    return of_guest(
        contact.wa_id,
        contact.subscriber_id,
        message.guest.phone if message.guest else None,
        place.region,
        subscriber=contact.channel in WITHOUT_PHONES,
    )


def sender_of(message: ChatMessage, place: PhoneRegion) -> str | None:
    """What the message's channel knows the tenant by: a phone as E.164, else an id as it came."""
    if conversation_of(message):
        return None
    return of_sender(message.contact, place.region, subscriber=message.channel in WITHOUT_PHONES).main


def conversation_of(message: ChatMessage) -> str | None:
    """The provider's conversation, where that alone says who the tenant is."""
    return message.provider_thread_id if message.contact == message.provider_thread_id else None


def _tenants_contact(message: ChatMessage, conversations: Mapping[str, str]) -> str:
    conversation = conversation_of(message)
    if conversation is None:
        return message.contact
    if conversation not in conversations:
        raise UnknownConversation(f"no thread is known as {conversation} yet")
    return conversations[conversation]


def booking_of(message: Told, tenant: Tenant) -> Booking:
    """What an event tells of a booking, its rooms in the request's order; an end names none."""
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
    return sorted({contact for one in contacts for contact in one.all})
