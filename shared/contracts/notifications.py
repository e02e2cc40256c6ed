"""Notifications' messages: that the guest was told, and what a person has to look at."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import Channel, Details, Identifier, Text
from shared.messages import Message


class GuestNotified(
    Message, type="posada.notifications.guest-notified.v1", topic=topics.BOOKING_REPLIES, key="booking_id", hurry=False
):
    """The messages of a booking's confirmation are written down and on their way; each will be sent once."""

    booking_id: UUID
    channels: tuple[Channel, ...] = Field(max_length=len(Channel))


class StaffAlerted(
    Message, type="posada.notifications.staff-alerted.v1", topic=topics.NOTIFICATIONS_EVENTS, key="booking_id"
):
    """Something that a person has to look at, with all that is known."""

    booking_id: UUID
    code: Identifier
    text: Text
    details: Details = Field(default_factory=dict)
