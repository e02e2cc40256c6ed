"""Handlers of events: they create deliveries, plan reminders, and answer the saga."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.notifications.delivery import Channel, Event, Status, of_stays
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
    """Notify the guest, tell the saga by which channels, and plan reminders. Without any channel staff are alerted."""
    deliveries = uow.notify(Event.CONFIRMED, message)
    channels = tuple(delivery.channel.value for delivery in deliveries if delivery.status in AT_ONCE)
    answers: list[Message | Outgoing] = [GuestNotified(booking_id=message.booking_id, channels=channels)]
    if not deliveries:
        answers.append(uow.composer.unreached(message.booking_id, Event.CONFIRMED, (), message.property.id))
    if message.booking_id in uow.entries:
        return answers
    uow.put(Entry.of(message))
    return [*answers, *_next_reminder(uow, message.booking_id, now)]


def booking_refused(uow: UnitOfWork, message: BookingRefused, now: datetime) -> Sends:
    """Notify the guest why nothing was booked."""
    del now
    uow.notify(Event.REFUSED, message)
    return []


def booking_failed(uow: UnitOfWork, message: BookingFailed, now: datetime) -> Sends:
    """Notify the guest that the booking could not be completed."""
    del now
    uow.notify(Event.FAILED, message)
    return []


def payment_search_started(uow: UnitOfWork, message: PaymentSearchStarted, now: datetime) -> Sends:
    """Notify the guest, once in each stage, that the payment is searched for."""
    del now
    uow.notify(Event.PAYMENT_SEARCH, message, str(message.stage))
    return []


def payment_escalated(uow: UnitOfWork, message: PaymentEscalated, now: datetime) -> Sends:
    """Notify the guest that staff are looking for the payment."""
    del now
    uow.notify(Event.PAYMENT_ESCALATED, message)
    return []


def booking_modified(uow: UnitOfWork, message: BookingModified, now: datetime) -> Sends:
    """Notify the guest of the changed booking, and plan reminders for its new dates."""
    uow.notify(Event.MODIFIED, message, str(message.revision))
    entry = uow.entries.get(message.booking_id)
    if entry and (message.at < entry.as_of or entry.state is State.OFF):
        return []
    changed = entry.changed(message) if entry else Entry.of(message)
    uow.put(changed)
    if entry and (entry.booked.check_in, entry.booked.check_out) != (message.check_in, message.check_out):
        uow.withdraw_reminders(message.booking_id)
    return _next_reminder(uow, message.booking_id, now)


def cancellation_decided(uow: UnitOfWork, message: CancellationDecided, now: datetime) -> Sends:
    """Stop all messages about a cancelled booking; BookingCancelled follows with the fee."""
    del now
    _end(uow, message)
    return []


def booking_cancelled(uow: UnitOfWork, message: BookingCancelled, now: datetime) -> Sends:
    """Notify the guest of the fee and the refund, and stop reminders."""
    del now
    uow.notify(Event.CANCELLED, message)
    _end(uow, message)
    return []


def guest_not_shown(uow: UnitOfWork, message: GuestNotShown, now: datetime) -> Sends:
    """Stop reminders for guests who did not arrive."""
    del now
    _end(uow, message)
    return []


def guest_checked_in(uow: UnitOfWork, message: GuestCheckedIn, now: datetime) -> Sends:
    """Welcome the guest, and stop the arrival reminder."""
    del now
    uow.notify(Event.CHECK_IN, message, of_stays(message.reservation_codes))
    entry = uow.entries.get(message.booking_id)
    if entry and entry.state is State.EXPECTED:
        uow.put(entry.moved(State.HERE, max(message.at, entry.as_of)))
    return []


def guest_checked_out(uow: UnitOfWork, message: GuestCheckedOut, now: datetime) -> Sends:
    """Thank the guest. After the last check-out, reminders follow the day on which the guests left."""
    uow.notify(Event.CHECK_OUT, message, of_stays(message.reservation_codes))
    entry = uow.entries.get(message.booking_id)
    if entry is None or not message.last or entry.state is State.OFF:
        return []
    uow.put(entry.moved(State.GONE, max(message.at, entry.as_of), message.left_on))
    uow.withdraw_reminders(message.booking_id)
    return _next_reminder(uow, message.booking_id, now)


def next_session_due(uow: UnitOfWork, message: NextSessionDue, now: datetime) -> Sends:
    """Tell the customer that the next session can be booked."""
    del now
    uow.notify(Event.NEXT_SESSION, message, f"{message.group_id}:{message.number}")
    return []


def reminder_due(uow: UnitOfWork, message: ReminderDue, now: datetime) -> Sends:
    """Send a reminder if it is still due, and plan the next one."""
    entry = uow.entries.get(message.booking_id)
    reminder = Event(message.reminder)
    if entry is None or entry.state is State.OFF or message.day != entry.day_of(reminder):
        return []
    settings = uow.composer.properties.of(entry.booked.property.id)
    if entry.is_due(reminder, message.day, settings, now):
        # Feedback is requested once, also when the guests check out later than planned.
        stage = "" if reminder is Event.FEEDBACK else message.day.isoformat()
        uow.notify(reminder, entry.booked, stage)
    return _next_reminder(uow, message.booking_id, now)


def guest_wrote(uow: UnitOfWork, message: GuestWrote, now: datetime) -> Sends:
    """Note when a guest wrote: for 24 hours free text is allowed. A time in the future counts as now."""
    channel = Channel(message.channel)
    uow.note_contact(channel, chat_address(channel, message.contact), min(message.at, now))
    return []


def staff_alerted(uow: UnitOfWork, message: StaffAlerted, now: datetime) -> Sends:
    """Notify the staff."""
    del now
    uow.add(uow.composer.to_staff(message, str(message.details.get("property_id") or "")))
    return []


def delivery_rate_fell(uow: UnitOfWork, message: DeliveryRateFell, now: datetime) -> Sends:
    """Notify the staff, once for each alarm, that too few messages of a channel arrive."""
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
    """Close a booking's entry, or add a closed one: the confirmation may arrive later, after a retry."""
    entry = uow.entries.get(message.booking_id)
    if entry is None:
        day = message.check_in or message.at.date()
        given = message.model_dump() | {"check_in": day, "check_out": message.check_out or day, "rooms": ()}
        entry = Entry(message.booking_id, message.at, State.OFF, Booked.model_validate(given))
    uow.put(entry.moved(State.OFF, max(message.at, entry.as_of)))
    uow.supersede(message.booking_id, Event.CANCELLED)


def _next_reminder(uow: UnitOfWork, booking_id: UUID, now: datetime) -> list[Message | Outgoing]:
    entry = uow.entries[booking_id]
    planned = entry.reminders(uow.composer.properties.of(entry.booked.property.id), now)
    return [min(planned, key=lambda reminder: reminder.due or now)] if planned else []
