"""ManyChat's External Request: what a subscriber wrote on Messenger or Instagram, in a body that its flow composes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.conversations.providers.webhook import (
    Unreadable,
    message_of,
    name_in,
    read_json,
    read_time,
    text_in,
)
from shared.contracts.common import Channel
from shared.contracts.conversations import Author, ChatMessage
from shared.messages.message import digest_of
from shared.providers.webhooks import WebhookCall, check_token


class ManyChatWebhook:
    """ManyChat signs nothing and gives a message no id: the flow shows a token, and the time tells messages apart.

    Both the full contact data (`id`, `last_input_text`, `last_interaction`) and names of our own are understood.
    """

    name = "manychat"

    def __init__(self, token: str) -> None:
        self._token = token

    def check(self, call: WebhookCall) -> None:
        """Compare the token."""
        check_token(call, self._token)

    def read(self, call: WebhookCall) -> ChatMessage:
        """What a subscriber wrote."""
        given = read_json(call)
        subscriber, text = text_in(given, "subscriber_id", "id"), text_in(given, "text", "last_input_text") or ""
        sent = given.get("sent_at") or given.get("last_interaction")
        if not sent:
            raise Unreadable("sent_at: it is missing; map the time of the contact's last interaction to it")
        sent_at = read_time(sent, "sent_at")
        likely_id = digest_of(subscriber, sent_at.isoformat(), repr(text))
        return message_of(
            {
                "message_id": text_in(given, "message_id") or str(likely_id),
                "contact": subscriber,
                "channel": _channel(given),
                "author": given.get("author") or Author.TENANT,
                "name": name_in(given, "name", "first_name"),
                "text": text,
                "attachments": given.get("attachments") or [],
                "sent_at": sent_at,
                "provider": self.name,
            }
        )


def _channel(given: Mapping[str, Any]) -> str:
    return str(given.get("channel") or Channel.MESSENGER).lower()
