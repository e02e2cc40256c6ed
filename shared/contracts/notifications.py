"""Notifications' messages: that the guest was told, and what a person has to look at."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import Identifier
from shared.messages import Message


class GuestNotified(
    Message, type="posada.notifications.guest-notified.v1", topic=topics.BOOKING_REPLIES, key="booking_id", hurry=False
):
    """The messages of a booking's confirmation are written down and on their way; each will be sent once."""

    booking_id: UUID
    channels: tuple[str, ...]


class StaffAlerted(
    Message, type="posada.notifications.staff-alerted.v1", topic=topics.NOTIFICATIONS_EVENTS, key="booking_id"
):
    """Something that a person has to look at, with all that is known."""

    booking_id: UUID
    code: Identifier
    text: str
    details: dict[str, Any] = Field(default_factory=dict)
