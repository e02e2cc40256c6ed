"""Conversations' messages: chat messages, and that threads are linked to a booking."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from shared.contracts import topics
from shared.contracts.common import MOST_ROOMS, Channel, Identifier, Moment, Name, Part, Prose
from shared.contracts.forms import whole
from shared.messages.incoming import Incoming
from shared.messages.message import Message


class Author(StrEnum):
    """Who wrote."""

    TENANT = "tenant"
    MANAGER = "manager"
    ASSISTANT = "assistant"


def _mended(given: Any) -> Any:
    """An address in which blanks and control characters are encoded: a file's name often has some."""
    if not isinstance(given, str):
        return given
    scheme, slashes, rest = given.strip().partition("://")
    encoded = "".join(letter if letter.isprintable() and not letter.isspace() else quote(letter) for letter in rest)
    return f"{scheme.lower()}{slashes}{encoded}"


class Attachment(Incoming, Part):
    """A file that came with a message, stored as a link. Blanks in its address are encoded."""

    url: Annotated[
        str,
        BeforeValidator(_mended),
        StringConstraints(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", max_length=2000),
        WithJsonSchema({"type": "string", "maxLength": 2000, "pattern": r"^\s*[hH][tT]{2}[pP][sS]?://[\s\S]*\S\s*$"}),
    ]
    media_type: Identifier = Field("application/octet-stream", description="What kind of file, such as image/jpeg.")
    size: Annotated[int, whole(0, 10**12, "In bytes, where the provider tells.")] | None = None
    name: Name | None = None


class ChatMessage(
    Incoming, Message, type="posada.conversations.chat-message.v1", topic=topics.CONVERSATIONS_MESSAGES, key="contact"
):
    """One message of a chat. `contact` is the tenant's WhatsApp id, phone or subscriber id, whoever wrote it.

    `message_id` is the provider's id, by which a repeated message is recognised. `sent_at` decides to which booking and
    thread the message belongs. `provider` is who transported it, `provider_thread_id` the conversation there, if any.
    """

    message_id: Identifier
    contact: Identifier
    channel: Channel = Channel.WHATSAPP
    property_id: Identifier | None = None
    author: Author = Author.TENANT
    name: Name | None = None
    text: Prose
    attachments: tuple[Attachment, ...] = Field((), max_length=20)
    sent_at: Moment
    provider: Identifier | None = None
    provider_thread_id: Identifier | None = None


class GuestWrote(
    Message, type="posada.conversations.guest-wrote.v1", topic=topics.NOTIFICATIONS_EVENTS, key="contact", urgent=False
):
    """A tenant wrote on a channel: for 24 hours free text may be sent to the tenant there."""

    contact: Identifier
    channel: Channel
    at: Moment


class ConversationLinked(
    Message,
    type="posada.conversations.conversation-linked.v1",
    topic=topics.BOOKING_REPLIES,
    key="booking_id",
    urgent=False,
):
    """The guest's threads are linked; `threads` are those that are about this booking."""

    booking_id: UUID
    threads: tuple[UUID, ...] = Field(default=(), max_length=MOST_ROOMS)
