"""Twilio Conversations' webhook: what a participant wrote, as a signed form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.conversations.providers.webhook import Unreadable, clean_name, message_of, read_time
from shared.contracts.common import Channel
from shared.contracts.conversations import Author, ChatMessage
from shared.providers.twilio import is_signed
from shared.providers.webhooks import NotGenuine, WebhookCall

MEDIA = "https://mcs.us1.twilio.com/v1/Services/{service}/Media/{media}"
OWN_REPLY = "posada_reply"  # the attribute that our own replies carry
# What stands before an address says which channel it is of; a bare phone is SMS, anything else a chat identity.
_PREFIXES = {"whatsapp:": Channel.WHATSAPP, "messenger:": Channel.MESSENGER, "+": Channel.SMS}


class TwilioWebhook:
    """`onMessageAdded` of Twilio Conversations; `token` is the account's auth token, `staff` are ours by phone (E.164)
    or chat identity: whoever else writes by phone is a tenant.

    What our own replies cause is passed over: the reply itself writes it down.
    """

    name = "twilio"

    def __init__(self, token: str, staff: Mapping[str, Author] | None = None) -> None:
        self._token = token
        self._staff = staff or {}

    def check(self, call: WebhookCall) -> None:
        """Compare `X-Twilio-Signature` with ours."""
        if not is_signed(call, self._token):
            raise NotGenuine("X-Twilio-Signature does not fit: see POSADA_TWILIO_TOKEN and POSADA_PUBLIC_URL")

    def read(self, call: WebhookCall) -> ChatMessage | None:
        """The message that was added to a conversation."""
        given = dict(call.form)
        if given.get("EventType") != "onMessageAdded" or _is_own(given.get("Attributes")):
            return None
        author, channel, contact = self._who(given)
        if not given.get("ConversationSid"):
            raise Unreadable("ConversationSid: it is missing; see the webhook's documentation")
        return message_of(
            {
                "message_id": given.get("MessageSid"),
                "contact": contact or given["ConversationSid"],
                "channel": channel,
                "author": author,
                "text": given.get("Body", ""),
                "attachments": _attachments(given),
                "sent_at": read_time(given.get("DateCreated"), "DateCreated"),
                "provider": self.name,
                "provider_thread_id": given["ConversationSid"],
            }
        )

    def _who(self, given: Mapping[str, str]) -> tuple[Author, Channel, str | None]:
        """Who wrote, on which channel, and the tenant's contact where it was the tenant."""
        author = given.get("Author", "")
        channel = next((channel for prefix, channel in _PREFIXES.items() if author.startswith(prefix)), None)
        address = author.removeprefix("whatsapp:").removeprefix("messenger:")
        if channel is None or address in self._staff:
            return self._staff.get(address, Author.MANAGER), Channel.WHATSAPP, None
        return Author.TENANT, channel, address


def _is_own(attributes: str | None) -> bool:
    try:
        given = json.loads(attributes or "{}")
    except ValueError:
        return False
    return isinstance(given, dict) and OWN_REPLY in given


def _attachments(given: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        media = json.loads(given.get("Media") or "[]")
        return [
            {
                "url": MEDIA.format(service=given.get("ChatServiceSid", ""), media=one["Sid"]),
                "media_type": one.get("ContentType") or "application/octet-stream",
                "size": one.get("Size"),
                "name": clean_name(one.get("Filename")),
            }
            for one in media
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise Unreadable("Media: it is no list of files with a Sid; see the webhook's documentation") from fault
