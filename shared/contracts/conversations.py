"""Conversations' messages: what people wrote, and that a thread knows its booking."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import MOST_ROOMS, Channel, Identifier, Moment, Name, Prose
from shared.messages import Message


class Author(StrEnum):
    """Who wrote."""

    TENANT = "tenant"
    MANAGER = "manager"
    ASSISTANT = "assistant"


class ChatMessage(
    Message, type="posada.conversations.chat-message.v1", topic=topics.CONVERSATIONS_MESSAGES, key="contact"
):
    """One message of a chat. `contact` is the tenant's WhatsApp id, phone or subscriber id.

    `message_id` is the provider's, and makes a second delivery known as one.
    """

    message_id: Identifier
    contact: Identifier
    channel: Channel = Channel.WHATSAPP
    property_id: Identifier | None = None
    author: Author = Author.TENANT
    name: Name | None = None
    text: Prose
    sent_at: Moment


class ConversationLinked(
    Message,
    type="posada.conversations.conversation-linked.v1",
    topic=topics.BOOKING_REPLIES,
    key="booking_id",
    hurry=False,
):
    """The guest's threads know the booking; `threads` are those that are about it now."""

    booking_id: UUID
    threads: tuple[UUID, ...] = Field(default=(), max_length=MOST_ROOMS)
