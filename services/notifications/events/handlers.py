"""What notifications does: writes down whom to tell of an event, plans what comes later, and answers the saga."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.notifications.delivery.model import Channel, Event, Status, of_stays
from services.notifications.events.recipients import chat_address
from services.notifications.events.reminders import Booked, Entry, State
from services.notifications.unit_of_work import UnitOfWork
from shared.contracts.booking import BookingConfirmed, BookingFailed, BookingRefused, Outcome, PaymentSearchStarted
from shared.contracts.booking.lifecycle import (
    BookingCancelled,
    BookingModified,
    CancellationDecided,
    GuestCheckedIn,
    GuestCheckedOut,
    GuestNotShown,
    NextSessionDue,
    PaymentEscalated,
)
from shared.contracts.conversations import GuestWrote
from shared.contracts.notifications import DeliveryRateFell, GuestNotified, ReminderDue, StaffAlerted
from shared.messages.message import Message, Outgoing

Sends = Sequence[Message | Outgoing]
AT_ONCE = (Status.PENDING, Status.STORED)


def booking_confirmed(uow: UnitOfWork, message: BookingConfirmed, now: datetime) -> Sends:
    """Tell the guest every code and the saga by which channels; where there is none, staff must. Plan reminders."""
    deliveries = uow.tell(Event.CONFIRMED, message)
    channels = tuple(one.channel.value for one in deliveries if one.status in AT_ONCE)
    answers: list[Message | Outgoing] = [GuestNotified(booking_id=message.booking_id, channels=channels)]
    if not deliveries:
        answers.append(uow.composer.unreached(message.booking_id, Event.CONFIRMED, (), message.property.id))
    if message.booking_id in uow.entries:
        return answers
    uow.keep(Entry.of(message))
    return [*answers, *_next_reminder(uow, message.booking_id, now)]


def booking_refused(uow: UnitOfWork, message: BookingRefused, now: datetime) -> Sends:
    """Tell the guest why nothing was booked."""
    del now
    uow.tell(Event.REFUSED, message)
    return []


def booking_failed(uow: UnitOfWork, message: BookingFailed, now: datetime) -> Sends:
    """Tell the guest that it could not be brought to its end."""
    del now
    uow.tell(Event.FAILED, message)
    return []


def payment_search_started(uow: UnitOfWork, message: PaymentSearchStarted, now: datetime) -> Sends:
    """Tell the guest, once in each stage, that the payment is being looked for."""
    del now
    uow.tell(Event.PAYMENT_SEARCH, message, str(message.stage))
    return []


def payment_escalated(uow: UnitOfWork, message: PaymentEscalated, now: datetime) -> Sends:
    """Tell the guest that a person has the case."""
    del now
    uow.tell(Event.PAYMENT_ESCALATED, message)
    return []


def booking_modified(uow: UnitOfWork, message: BookingModified, now: datetime) -> Sends:
    """Tell the guest how the booking is now, and let reminders follow its dates."""
    uow.tell(Event.MODIFIED, message, str(message.revision))
    entry = uow.entries.get(message.booking_id)
    if entry and (message.at < entry.as_of or entry.state is State.OFF):
        return []
    changed = entry.changed(message) if entry else Entry.of(message)
    uow.keep(changed)
    if entry and (entry.booked.check_in, entry.booked.check_out) != (message.check_in, message.check_out):
        uow.take_back_reminders(message.booking_id)
    return _next_reminder(uow, message.booking_id, now)


def cancellation_decided(uow: UnitOfWork, message: CancellationDecided, now: datetime) -> Sends:
    """Nothing more is told of a booking that is off; the guest hears of its fee once payments has said it."""
    del now
    _end(uow, message)
    return []


def booking_cancelled(uow: UnitOfWork, message: BookingCancelled, now: datetime) -> Sends:
    """Tell the guest the fee and what comes back; nothing more is reminded of."""
    del now
    uow.tell(Event.CANCELLED, message)
    _end(uow, message)
    return []


def guest_not_shown(uow: UnitOfWork, message: GuestNotShown, now: datetime) -> Sends:
    """Remind nobody of a stay that did not take place."""
    del now
    _end(uow, message)
    return []


def guest_checked_in(uow: UnitOfWork, message: GuestCheckedIn, now: datetime) -> Sends:
    """Welcome the guest; who is here needs no reminder to come."""
    del now
    uow.tell(Event.CHECK_IN, message, of_stays(message.reservation_codes))
    entry = uow.entries.get(message.booking_id)
    if entry and entry.state is State.EXPECTED:
        uow.keep(entry.moved(State.HERE, max(message.at, entry.as_of)))
    return []


def guest_checked_out(uow: UnitOfWork, message: GuestCheckedOut, now: datetime) -> Sends:
    """Thank the guest; with the last one the stay is over, and its end is when they left."""
    uow.tell(Event.CHECK_OUT, message, of_stays(message.reservation_codes))
    entry = uow.entries.get(message.booking_id)
    if entry is None or not message.last or entry.state is State.OFF:
        return []
    uow.keep(entry.moved(State.GONE, max(message.at, entry.as_of), message.left_on))
    uow.take_back_reminders(message.booking_id)
    return _next_reminder(uow, message.booking_id, now)


def next_session_due(uow: UnitOfWork, message: NextSessionDue, now: datetime) -> Sends:
    """Congratulate the customer and ask for the next date."""
    del now
    uow.tell(Event.NEXT_SESSION, message, f"{message.group_id}:{message.number}")
    return []


def reminder_due(uow: UnitOfWork, message: ReminderDue, now: datetime) -> Sends:
    """Remind the guest if it is still true, and plan what comes next."""
    entry = uow.entries.get(message.booking_id)
    reminder = Event(message.reminder)
    if entry is None or entry.state is State.OFF or message.day != entry.day_of(reminder):
        return []
    house = uow.composer.houses.of(entry.booked.property.id)
    if entry.is_due(reminder, message.day, house, now):
        # Feedback is asked for once, also of a guest who is checked out later than was planned.
        stage = "" if reminder is Event.FEEDBACK else message.day.isoformat()
        uow.tell(reminder, entry.booked, stage)
    return _next_reminder(uow, message.booking_id, now)


def guest_wrote(uow: UnitOfWork, message: GuestWrote, now: datetime) -> Sends:
    """Note when a guest wrote, which a wrong clock may put ahead of ours: for a day we may answer freely."""
    channel = Channel(message.channel)
    uow.hear(channel, chat_address(channel, message.contact), min(message.at, now))
    return []


def staff_alerted(uow: UnitOfWork, message: StaffAlerted, now: datetime) -> Sends:
    """Tell staff."""
    del now
    uow.add(uow.composer.to_staff(message, str(message.details.get("property_id") or "")))
    return []


def delivery_rate_fell(uow: UnitOfWork, message: DeliveryRateFell, now: datetime) -> Sends:
    """Tell staff that a channel loses too much; each alarm once."""
    del now
    composer = uow.composer
    alert = StaffAlerted(
        booking_id=message.alarm_id,
        code="delivery_rate_low",
        text=composer.templates.delivery_rate(composer.staff_language, dict(message)),
        details={"channel": message.channel, "finished": message.finished},
    )
    uow.add(composer.to_staff(alert))
    return []


def _end(uow: UnitOfWork, message: Outcome) -> None:
    """Close a booking's entry, or open a closed one: its confirmation may still be on its second attempt."""
    entry = uow.entries.get(message.booking_id)
    if entry is None:
        day = message.check_in or message.at.date()
        given = message.model_dump() | {"check_in": day, "check_out": message.check_out or day, "rooms": ()}
        entry = Entry(message.booking_id, message.at, State.OFF, Booked.model_validate(given))
    uow.keep(entry.moved(State.OFF, max(message.at, entry.as_of)))
    uow.overtake(message.booking_id, Event.CANCELLED)


def _next_reminder(uow: UnitOfWork, booking_id: UUID, now: datetime) -> list[Message | Outgoing]:
    entry = uow.entries[booking_id]
    planned = entry.reminders(uow.composer.houses.of(entry.booked.property.id), now)
    return [min(planned, key=lambda one: one.due or now)] if planned else []
