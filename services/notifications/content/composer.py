"""Composes the deliveries of an event: recipients, channels, the earliest time, and the content."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from services.notifications.content.rendering import Templates
from services.notifications.delivery import (
    NOT_URGENT,
    SILENT,
    Audience,
    Channel,
    Content,
    Delivery,
    Event,
    Status,
    StayEntry,
)
from services.notifications.events import Address, at, chat_addresses
from services.notifications.properties import PropertyDirectory
from shared.auth.signed_links import SignedLinks
from shared.contracts.booking import Outcome
from shared.contracts.common import Language
from shared.contracts.notifications import StaffAlerted

SELF = "Posada"
STAFF = "staff"  # the recipient of alerts while no address of the staff is set
MANAGED = frozenset({Event.CONFIRMED, Event.MODIFIED, Event.ARRIVAL_REMINDER, Event.CHECK_IN, Event.NEXT_SESSION})
WITH_CALENDAR = frozenset({Event.CONFIRMED, Event.MODIFIED, Event.CANCELLED, Event.ARRIVAL_REMINDER})


@dataclass(frozen=True, slots=True)
class NotificationComposer:
    """Composes deliveries from these settings.

    `local` are the channels without a provider: their messages are only stored. `approved` are the names of approved
    WhatsApp templates by `event.language`. `calls` are the codes of alerts for which staff are called. `links` create
    links for guests to their bookings, valid until `links_last` after departure.
    """

    templates: Templates
    region: str
    chat_events: Collection[Event]
    local: Collection[Channel]
    staff_email: str | None
    staff_language: Language
    properties: PropertyDirectory = field(default_factory=lambda: PropertyDirectory({}))
    approved: Mapping[str, str] = field(default_factory=dict)
    staff_phone: str | None = None
    calls: Collection[str] = ()
    links: SignedLinks | None = None
    links_last: timedelta = timedelta(days=30)

    def to_guest(self, event: Event, outcome: Outcome, stage: str = "") -> list[Delivery]:
        """Every event goes out by e-mail, some by the best chat channel too; the other chat channels stand by."""
        settings = self.properties.of(outcome.property.id)
        facts = dict(outcome) | {"property_settings": settings, "manage_url": self._manage_url(event, outcome)}
        contents = _Contents(self, event, outcome.language, facts)
        return [
            Delivery(
                booking_id=outcome.booking_id,
                occasion=f"{event}:{stage}" if stage else event.value,
                audience=Audience.GUEST,
                channel=address.channel,
                recipient=address.recipient,
                sender_name=outcome.property.name,
                content=contents.on(address.channel),
                place=place,
                status=self.first_status(address.channel) if at_once else Status.STANDBY,
                property_id=outcome.property.id,
                timezone=outcome.property.timezone,
                urgent=event not in NOT_URGENT,
            )
            for place, (address, at_once) in enumerate(self._channels(event, outcome))
        ]

    def _manage_url(self, event: Event, outcome: Outcome) -> str | None:
        """The event's link, else a signed link if there is a booking to manage; the same link each time."""
        if outcome.manage_url or self.links is None or event not in MANAGED:
            return outcome.manage_url
        left_on = outcome.check_out or outcome.at.date()
        until = at(left_on, time(23, 59), outcome.property.timezone) + self.links_last
        return self.links.to(outcome.booking_id, until)

    def _channels(self, event: Event, outcome: Outcome) -> Iterator[tuple[Address, bool]]:
        guest = outcome.guest
        if guest:
            yield Address(Channel.EMAIL, guest.email), True
        by_chat = event in self.chat_events or event in self.properties.of(outcome.property.id).chat_events
        chat = chat_addresses(
            outcome.contact,
            guest.phone if guest else None,
            self.region,
            last_resort=() if Channel.SMS in self.local else (Channel.SMS,),
        )
        for place, address in enumerate(chat):
            yield address, place == 0 and (by_chat or guest is None)

    def to_staff(self, alert: StaffAlerted, property_id: str = "") -> list[Delivery]:
        """An e-mail for each alert of a booking, and a call if its code is one of `calls`.

        The same code with the same text is the same alert.
        """
        settings = self.properties.of(property_id)
        email, phone = settings.staff_email or self.staff_email, settings.staff_phone or self.staff_phone
        base = Delivery(
            booking_id=alert.booking_id,
            occasion=f"{Event.STAFF_ALERT}:{alert.code}:{sha256(alert.text.encode()).hexdigest()[:8]}",
            audience=Audience.STAFF,
            channel=Channel.EMAIL,
            recipient=email or STAFF,
            sender_name=SELF,
            content=self.templates.email(Event.STAFF_ALERT, self.staff_language, dict(alert)),
            place=0,
            status=self.first_status(Channel.EMAIL) if email else Status.STORED,
            property_id=property_id,
        )
        if phone is None or alert.code not in self.calls:
            return [base]
        spoken = self.templates.voice(Event.STAFF_ALERT, self.staff_language, dict(alert))
        status = self.first_status(Channel.VOICE)
        call = replace(
            base, channel=Channel.VOICE, recipient=phone.removeprefix("+"), content=spoken, place=1, status=status
        )
        return [base, call]

    def unreached(
        self, booking_id: UUID, occasion: str, channels: Sequence[str], property_id: str = ""
    ) -> StaffAlerted:
        """The alert to staff when all of these channels failed, or there was none."""
        text = self.templates.undelivered(self.staff_language, occasion, channels)
        details: dict[str, Any] = {"occasion": occasion, "channels": list(channels)}
        details |= {"property_id": property_id} if property_id else {}
        return StaffAlerted(booking_id=booking_id, code="guest_not_notified", text=text, details=details)

    def first_status(self, channel: Channel) -> Status:
        """The status of a message that may be sent at once."""
        return Status.STORED if channel in self.local else Status.PENDING

    def not_before(self, channel: Channel, property_id: str, zone: str, urgent: bool, now: datetime) -> datetime:
        """Now, or the end of the property's quiet hours for messages that make a sound and are not urgent."""
        if urgent or channel in SILENT:
            return now
        return self.properties.of(property_id).quiet.over(now, zone)


class _Contents:
    """The contents of an event's messages; channels of the same form share one."""

    def __init__(
        self, composer: NotificationComposer, event: Event, language: Language, facts: Mapping[str, Any]
    ) -> None:
        self._composer = composer
        self._event = event
        self._language = language
        self._facts = facts
        self._rendered: dict[str, Content] = {}

    def on(self, channel: Channel) -> Content:
        """The content for a channel."""
        form = channel.value if channel in (Channel.EMAIL, Channel.SMS, Channel.WHATSAPP) else "chat"
        if form not in self._rendered:
            self._rendered[form] = self._render(channel)
        return self._rendered[form]

    def _render(self, channel: Channel) -> Content:
        templates, event, language, facts = self._composer.templates, self._event, self._language, self._facts
        if channel is Channel.EMAIL:
            return replace(templates.email(event, language, facts), entry=self._stay_entry())
        if channel is Channel.SMS:
            return templates.sms(event, language, facts)
        content = templates.chat(event, language, facts)
        name = self._composer.approved.get(f"{event}.{language}") if channel is Channel.WHATSAPP else None
        return replace(content, template=templates.approved(name, event, language, facts)) if name else content

    def _stay_entry(self) -> StayEntry | None:
        facts = self._facts
        check_in, check_out = facts.get("check_in"), facts.get("check_out")
        if self._event not in WITH_CALENDAR or not isinstance(check_in, date) or not isinstance(check_out, date):
            return None
        settings, property_ = facts["property_settings"], facts["property"]
        codes = [room.code for room in facts.get("rooms", ())] or list(facts.get("reservation_codes", ()))
        return StayEntry(
            booking_id=facts["booking_id"],
            summary=property_.name,
            description=", ".join([*codes, *([facts["manage_url"]] if facts.get("manage_url") else [])]),
            begins=at(check_in, property_.check_in_time, property_.timezone),
            ends=at(check_out, settings.check_out_time, property_.timezone),
            made_at=facts["at"],
            cancelled=self._event is Event.CANCELLED,
        )
