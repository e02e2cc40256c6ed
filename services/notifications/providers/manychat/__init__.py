"""ManyChat: Messenger and Instagram."""

from __future__ import annotations

from services.notifications.delivery.model import Channel
from services.notifications.providers.manychat.sender import ManyChat
from services.notifications.providers.manychat.settings import ManyChatSettings
from services.notifications.providers.port import Provider, Sender, Setup
from shared.settings import ExternalSystem, value_of


def _senders(settings: ManyChatSettings, setup: Setup) -> dict[Channel, Sender]:
    if not settings.manychat_token:
        return {}
    token = value_of(settings.manychat_token)
    sender = ManyChat(token, settings.manychat_tag, url=settings.manychat_url, **setup.limits)
    return {Channel.MESSENGER: sender, Channel.INSTAGRAM: sender}


PROVIDER = Provider(
    "manychat", ManyChatSettings, _senders, (ExternalSystem("ManyChat", "manychat_token", "manychat_url"),)
)
