"""What notifications does: writes down whom to tell of an event, plans what comes later, and answers the saga."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.notifications.delivery.model import Channel, Event, Status, of_stays
from services.notifications.events.recipients import chat_address
from services.notifications.events.reminders import Booked, Entry, State
from services.notifications.unit_of_work import World
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


def booking_confirmed(world: World, message: BookingConfirmed, now: datetime) -> Sends:
    """Tell the guest every code and the saga by which channels; where there is none, staff must. Plan reminders."""
    deliveries = world.tell(Event.CONFIRMED, message)
    channels = tuple(one.channel.value for one in deliveries if one.status in AT_ONCE)
    answers: list[Message | Outgoing] = [GuestNotified(booking_id=message.booking_id, channels=channels)]
    if not deliveries:
        answers.append(world.desk.unreached(message.booking_id, Event.CONFIRMED, (), message.property.id))
    if message.booking_id in world.entries:
        return answers
    world.keep(Entry.of(message))
    return [*answers, *_next_reminder(world, message.booking_id, now)]


def booking_refused(world: World, message: BookingRefused, now: datetime) -> Sends:
    """Tell the guest why nothing was booked."""
    del now
    world.tell(Event.REFUSED, message)
    return []


def booking_failed(world: World, message: BookingFailed, now: datetime) -> Sends:
    """Tell the guest that it could not be brought to its end."""
    del now
    world.tell(Event.FAILED, message)
    return []


def payment_search_started(world: World, message: PaymentSearchStarted, now: datetime) -> Sends:
    """Tell the guest, once in each stage, that the payment is being looked for."""
    del now
    world.tell(Event.PAYMENT_SEARCH, message, str(message.stage))
    return []


def payment_escalated(world: World, message: PaymentEscalated, now: datetime) -> Sends:
    """Tell the guest that a person has the case."""
    del now
    world.tell(Event.PAYMENT_ESCALATED, message)
    return []


def booking_modified(world: World, message: BookingModified, now: datetime) -> Sends:
    """Tell the guest how the booking is now, and let reminders follow its dates."""
    world.tell(Event.MODIFIED, message, str(message.revision))
    entry = world.entries.get(message.booking_id)
    if entry and (message.at < entry.as_of or entry.state is State.OFF):
        return []
    changed = entry.changed(message) if entry else Entry.of(message)
    world.keep(changed)
    if entry and (entry.booked.check_in, entry.booked.check_out) != (message.check_in, message.check_out):
        world.take_back_reminders(message.booking_id)
    return _next_reminder(world, message.booking_id, now)


def cancellation_decided(world: World, message: CancellationDecided, now: datetime) -> Sends:
    """Nothing more is told of a booking that is off; the guest hears of its fee once payments has said it."""
    del now
    _end(world, message)
    return []


def booking_cancelled(world: World, message: BookingCancelled, now: datetime) -> Sends:
    """Tell the guest the fee and what comes back; nothing more is reminded of."""
    del now
    world.tell(Event.CANCELLED, message)
    _end(world, message)
    return []


def guest_not_shown(world: World, message: GuestNotShown, now: datetime) -> Sends:
    """Remind nobody of a stay that did not take place."""
    del now
    _end(world, message)
    return []


def guest_checked_in(world: World, message: GuestCheckedIn, now: datetime) -> Sends:
    """Welcome the guest; who is here needs no reminder to come."""
    del now
    world.tell(Event.CHECK_IN, message, of_stays(message.reservation_codes))
    entry = world.entries.get(message.booking_id)
    if entry and entry.state is State.EXPECTED:
        world.keep(entry.moved(State.HERE, max(message.at, entry.as_of)))
    return []


def guest_checked_out(world: World, message: GuestCheckedOut, now: datetime) -> Sends:
    """Thank the guest; with the last one the stay is over, and its end is when they left."""
    world.tell(Event.CHECK_OUT, message, of_stays(message.reservation_codes))
    entry = world.entries.get(message.booking_id)
    if entry is None or not message.last or entry.state is State.OFF:
        return []
    world.keep(entry.moved(State.GONE, max(message.at, entry.as_of), message.left_on))
    world.take_back_reminders(message.booking_id)
    return _next_reminder(world, message.booking_id, now)


def next_session_due(world: World, message: NextSessionDue, now: datetime) -> Sends:
    """Congratulate the customer and ask for the next date."""
    del now
    world.tell(Event.NEXT_SESSION, message, f"{message.group_id}:{message.number}")
    return []


def reminder_due(world: World, message: ReminderDue, now: datetime) -> Sends:
    """Remind the guest if it is still true, and plan what comes next."""
    entry = world.entries.get(message.booking_id)
    reminder = Event(message.reminder)
    if entry is None or entry.state is State.OFF or message.day != entry.day_of(reminder):
        return []
    house = world.desk.houses.of(entry.booked.property.id)
    if entry.is_due(reminder, message.day, house, now):
        # Feedback is asked for once, also of a guest who is checked out later than was planned.
        stage = "" if reminder is Event.FEEDBACK else message.day.isoformat()
        world.tell(reminder, entry.booked, stage)
    return _next_reminder(world, message.booking_id, now)


def guest_wrote(world: World, message: GuestWrote, now: datetime) -> Sends:
    """Note when a guest wrote, which a wrong clock may put ahead of ours: for a day we may answer freely."""
    channel = Channel(message.channel)
    world.hear(channel, chat_address(channel, message.contact), min(message.at, now))
    return []


def staff_alerted(world: World, message: StaffAlerted, now: datetime) -> Sends:
    """Tell staff."""
    del now
    world.add(world.desk.to_staff(message, str(message.details.get("property_id") or "")))
    return []


def delivery_rate_fell(world: World, message: DeliveryRateFell, now: datetime) -> Sends:
    """Tell staff that a channel loses too much; each alarm once."""
    del now
    desk = world.desk
    alert = StaffAlerted(
        booking_id=message.alarm_id,
        code="delivery_rate_low",
        text=desk.templates.delivery_rate(desk.staff_language, dict(message)),
        details={"channel": message.channel, "finished": message.finished},
    )
    world.add(desk.to_staff(alert))
    return []


def _end(world: World, message: Outcome) -> None:
    """Close a booking's entry, or open a closed one: its confirmation may still be on its second attempt."""
    entry = world.entries.get(message.booking_id)
    if entry is None:
        day = message.check_in or message.at.date()
        given = message.model_dump() | {"check_in": day, "check_out": message.check_out or day, "rooms": ()}
        entry = Entry(message.booking_id, message.at, State.OFF, Booked.model_validate(given))
    world.keep(entry.moved(State.OFF, max(message.at, entry.as_of)))
    world.overtake(message.booking_id, Event.CANCELLED)


def _next_reminder(world: World, booking_id: UUID, now: datetime) -> list[Message | Outgoing]:
    entry = world.entries[booking_id]
    planned = entry.reminders(world.desk.houses.of(entry.booked.property.id), now)
    return [min(planned, key=lambda one: one.due or now)] if planned else []
