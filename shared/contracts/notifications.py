"""Notifications' messages: that the guest was notified, and alerts to the staff."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import Channel, Count, Day, Details, Identifier, Moment, Text
from shared.messages.message import Message


class GuestNotified(
    Message, type="posada.notifications.guest-notified.v1", topic=topics.BOOKING_REPLIES, key="booking_id", urgent=False
):
    """The messages of a booking's confirmation are stored; each will be sent once, on these channels."""

    booking_id: UUID
    channels: tuple[Channel, ...] = Field(max_length=len(Channel))


class StaffAlerted(
    Message, type="posada.notifications.staff-alerted.v1", topic=topics.NOTIFICATIONS_EVENTS, key="booking_id"
):
    """Something that staff must look at, with everything known."""

    booking_id: UUID
    code: Identifier
    text: Text
    details: Details = Field(default_factory=dict)


class DeliveryRateFell(
    Message, type="posada.notifications.delivery-rate-fell.v1", topic=topics.NOTIFICATIONS_EVENTS, key="channel"
):
    """Too few messages of a channel arrive. Sent once, until the rate has recovered.

    `rate` is the share of the messages finished within the time window that were not lost, from 0 to 1.
    """

    alarm_id: UUID
    channel: Identifier
    rate: float = Field(ge=0, le=1)
    wanted: float = Field(ge=0, le=1)
    finished: Count
    problem: Text = Field(default="", description="What providers said most often; nobody's address in it.")
    at: Moment


class DeliveryRateRecovered(
    Message, type="posada.notifications.delivery-rate-recovered.v1", topic=topics.NOTIFICATIONS_EVENTS, key="channel"
):
    """Messages of a channel arrive again; ends what DeliveryRateFell began."""

    alarm_id: UUID
    channel: Identifier
    rate: float = Field(ge=0, le=1)
    at: Moment


class ReminderDue(
    Message,
    type="posada.notifications.reminder-due.v1",
    topic=topics.internal("notifications"),
    key="booking_id",
):
    """Notifications' own clock: time to remind a guest, unless `day` is no longer the day that it was planned for."""

    booking_id: UUID
    reminder: Literal["arrival_reminder", "departure_reminder", "feedback"]
    day: Day
