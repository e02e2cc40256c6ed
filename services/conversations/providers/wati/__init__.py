"""WATI: WhatsApp."""

from __future__ import annotations

from collections.abc import Mapping

from services.conversations.providers.port import ChatProvider, ReplySender
from services.conversations.providers.wati.replies import WatiReplies
from services.conversations.providers.wati.settings import WatiSettings
from services.conversations.providers.wati.webhook import WatiWebhook
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits
from shared.settings import ExternalSystem, value_of


def _webhook(settings: WatiSettings, _: Mapping[str, Author]) -> WatiWebhook | None:
    token = value_of(settings.wati_webhook_token)
    return WatiWebhook(token, settings.wati_url) if token else None


def _senders(settings: WatiSettings, limits: ClientLimits) -> dict[Channel, ReplySender]:
    if not settings.wati_url or not settings.wati_token:
        return {}
    return {Channel.WHATSAPP: WatiReplies(settings.wati_url, value_of(settings.wati_token), **limits)}


PROVIDER = ChatProvider(
    "wati",
    WatiSettings,
    ExternalSystem("WATI", "wati_token", "wati_url"),
    "wati_webhook_token",
    _webhook,
    _senders,
)
