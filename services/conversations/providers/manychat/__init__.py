"""ManyChat: Messenger and Instagram."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, SecretStr

from services.conversations.providers.manychat.replies import ManyChatReplies
from services.conversations.providers.manychat.webhook import ManyChatWebhook
from services.conversations.providers.port import ChatProvider, ReplySender
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits
from shared.providers.manychat import URL
from shared.settings import ExternalSystem, OwnSecret, SettingsFragment, value_of


class ManyChatSettings(SettingsFragment):
    """The token that we show, and the one that is shown to us."""

    manychat_token: SecretStr | None = Field(None, description="ManyChat's API token.")
    manychat_url: str = Field(URL, description="ManyChat's API.")
    manychat_webhook_token: OwnSecret | None = Field(None, description="Bearer token of ManyChat's requests.")


def _webhook(settings: ManyChatSettings, _: Mapping[str, Author]) -> ManyChatWebhook | None:
    token = value_of(settings.manychat_webhook_token)
    return ManyChatWebhook(token) if token else None


def _senders(settings: ManyChatSettings, limits: ClientLimits) -> dict[Channel, ReplySender]:
    if not settings.manychat_token:
        return {}
    sender = ManyChatReplies(value_of(settings.manychat_token), url=settings.manychat_url, **limits)
    return {Channel.MESSENGER: sender, Channel.INSTAGRAM: sender}


PROVIDER = ChatProvider(
    "manychat",
    ManyChatSettings,
    ExternalSystem("ManyChat", "manychat_token", "manychat_url"),
    "manychat_webhook_token",
    _webhook,
    _senders,
)
