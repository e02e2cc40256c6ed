"""WATI's webhooks: what a guest wrote on WhatsApp, and what staff answered in WATI's own inbox."""

from __future__ import annotations

from collections.abc import Mapping
from mimetypes import guess_type
from typing import Any
from urllib.parse import urlencode

from services.conversations.providers.webhook import (
    clean_name,
    message_of,
    name_in,
    read_json,
    read_time,
    text_in,
)
from shared.contracts.common import Channel
from shared.contracts.conversations import Author, ChatMessage
from shared.providers.webhooks import WebhookCall, check_token

FROM_GUEST = "message"
FROM_STAFF = frozenset({"sessionMessageSent", "sessionMessageSent_v2"})
OWN_REPLY = "posada-"  # how the localMessageId of our own replies begins
_FILES = frozenset({"image", "document", "audio", "voice", "video", "sticker"})


class WatiWebhook:
    """Message received, and session message sent. WATI signs nothing: the address that it is given has a token in it.

    `api_url` is where WATI's API serves the files that it names by path.
    """

    name = "wati"

    def __init__(self, token: str, api_url: str | None = None) -> None:
        self._token = token
        self._api_url = (api_url or "https://live-server.wati.io").rstrip("/")

    def check(self, call: WebhookCall) -> None:
        """Compare the token."""
        check_token(call, self._token)

    def read(self, call: WebhookCall) -> ChatMessage | None:
        """What a guest or a member of staff wrote."""
        given = read_json(call)
        event, by_staff = str(given.get("eventType")), given.get("owner") is True
        if event not in FROM_STAFF and (event != FROM_GUEST or by_staff):
            return None
        if str(given.get("localMessageId") or "").startswith(OWN_REPLY):
            return None
        return message_of(
            {
                "message_id": text_in(given, "whatsappMessageId", "id"),
                "contact": text_in(given, "waId"),
                "channel": Channel.WHATSAPP,
                "author": Author.MANAGER if event in FROM_STAFF else Author.TENANT,
                "name": name_in(given, "operatorName" if event in FROM_STAFF else "senderName"),
                "text": _text(given),
                "attachments": self._attachments(given),
                "sent_at": read_time(given.get("timestamp") or given.get("created"), "timestamp"),
                "provider": self.name,
            }
        )

    def _attachments(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        data, kind = text_in(given, "data"), str(given.get("type"))
        if kind not in _FILES or not data:
            return []
        named = data.lower().startswith(("http://", "https://"))
        url = data if named else f"{self._api_url}/api/v1/getMedia?{urlencode({'fileName': data})}"
        name = data.rpartition("/")[2].partition("?")[0]
        return [{"url": url, "media_type": guess_type(name)[0] or f"{kind}/*", "name": clean_name(name)}]


def _text(given: Mapping[str, Any]) -> str:
    """The words; a button or a line of a list that the guest chose stands for them."""
    if text := text_in(given, "text"):
        return text
    for choice in (given.get("listReply"), given.get("interactiveButtonReply"), given.get("buttonReply")):
        if isinstance(choice, dict) and (title := text_in(choice, "title", "text")):
            return title
    return ""
