"""Decides who hears of an event, by which channels and in which words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from services.notifications.addressing import Address, chat_addresses
from services.notifications.deliveries import Audience, Delivery, Event, Status
from services.notifications.rendering import Templates
from shared.contracts.booking import Outcome
from shared.contracts.common import Channel, Language
from shared.contracts.notifications import StaffAlerted

SELF = "Posada"
STAFF = "staff"  # the recipient of alerts while nobody has said where staff read them


@dataclass(frozen=True, slots=True)
class Desk:
    """What the decisions rest on.

    `local` are the channels without a provider: their messages are stored as soon as they are written.
    """

    templates: Templates
    region: str
    chat_events: Collection[Event]
    local: Collection[Channel]
    staff_email: str | None
    staff_language: Language

    def to_guest(self, event: Event, outcome: Outcome, stage: str = "") -> list[Delivery]:
        """E-mail carries every event and chat some; the other chat channels stand by."""
        facts = dict(outcome)
        deliveries = []
        for place, (address, at_once) in enumerate(self._channels(event, outcome)):
            render = self.templates.email if address.channel is Channel.EMAIL else self.templates.chat
            deliveries.append(
                Delivery(
                    booking_id=outcome.booking_id,
                    occasion=f"{event}:{stage}" if stage else event.value,
                    audience=Audience.GUEST,
                    channel=address.channel,
                    recipient=address.recipient,
                    sender_name=outcome.property.name,
                    content=render(event, outcome.language, facts),
                    place=place,
                    status=self.first_status(address.channel) if at_once else Status.STANDBY,
                )
            )
        return deliveries

    def _channels(self, event: Event, outcome: Outcome) -> Iterator[tuple[Address, bool]]:
        guest = outcome.guest
        if guest:
            yield Address(Channel.EMAIL, guest.email), True
        chat = chat_addresses(outcome.contact, guest.phone if guest else None, self.region)
        for place, address in enumerate(chat):
            yield address, place == 0 and (event in self.chat_events or guest is None)

    def to_staff(self, alert: StaffAlerted) -> list[Delivery]:
        """One e-mail for each alert of a booking; the same code with the same text is the same alert."""
        delivery = Delivery(
            booking_id=alert.booking_id,
            occasion=f"{Event.STAFF_ALERT}:{alert.code}:{sha256(alert.text.encode()).hexdigest()[:8]}",
            audience=Audience.STAFF,
            channel=Channel.EMAIL,
            recipient=self.staff_email or STAFF,
            sender_name=SELF,
            content=self.templates.email(Event.STAFF_ALERT, self.staff_language, dict(alert)),
            place=0,
            status=self.first_status(Channel.EMAIL) if self.staff_email else Status.STORED,
        )
        return [delivery]

    def unreached(self, booking_id: UUID, occasion: str, channels: Sequence[str]) -> StaffAlerted:
        """What staff must know when every one of these channels failed, or there was none."""
        text = self.templates.undelivered(self.staff_language, occasion, channels)
        details = {"occasion": occasion, "channels": list(channels)}
        return StaffAlerted(booking_id=booking_id, code="guest_not_notified", text=text, details=details)

    def first_status(self, channel: Channel) -> Status:
        """What a message of a channel is as soon as it may go."""
        return Status.STORED if channel in self.local else Status.PENDING
