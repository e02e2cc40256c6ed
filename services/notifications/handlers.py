"""What notifications does: writes down whom to tell of an event, and answers the saga."""

from __future__ import annotations

from datetime import datetime

from services.notifications.deliveries import Event, Status
from services.notifications.repository import World
from shared.contracts.booking import BookingConfirmed, BookingFailed, BookingRefused, PaymentSearchStarted
from shared.contracts.notifications import GuestNotified, StaffAlerted
from shared.messages import Message


def booking_confirmed(world: World, message: BookingConfirmed, now: datetime) -> list[Message]:
    """Tell the guest every code and the saga by which channels; where there is none, staff must."""
    del now
    deliveries = world.desk.to_guest(Event.CONFIRMED, message)
    world.add(deliveries)
    channels = tuple(one.channel.value for one in deliveries if one.status is not Status.STANDBY)
    answer = GuestNotified(booking_id=message.booking_id, channels=channels)
    return [answer] if channels else [answer, world.desk.unreached(message.booking_id, Event.CONFIRMED, ())]


def booking_refused(world: World, message: BookingRefused, now: datetime) -> list[Message]:
    """Tell the guest why nothing was booked."""
    del now
    world.add(world.desk.to_guest(Event.REFUSED, message))
    return []


def booking_failed(world: World, message: BookingFailed, now: datetime) -> list[Message]:
    """Tell the guest that it could not be brought to its end."""
    del now
    world.add(world.desk.to_guest(Event.FAILED, message))
    return []


def payment_search_started(world: World, message: PaymentSearchStarted, now: datetime) -> list[Message]:
    """Tell the guest, once in each stage, that the payment is being looked for."""
    del now
    world.add(world.desk.to_guest(Event.PAYMENT_SEARCH, message, str(message.stage)))
    return []


def staff_alerted(world: World, message: StaffAlerted, now: datetime) -> list[Message]:
    """Tell staff."""
    del now
    world.add(world.desk.to_staff(message))
    return []
