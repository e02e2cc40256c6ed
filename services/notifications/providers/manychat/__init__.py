"""ManyChat: Messenger and Instagram."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.notifications.delivery import Channel
from services.notifications.providers.manychat.sender import ManyChat
from services.notifications.providers.port import Provider, Sender, Setup
from shared.providers.manychat import URL
from shared.settings import ExternalSystem, SettingsFragment, value_of


class ManyChatSettings(SettingsFragment):
    """The token, and the tag of messages outside Messenger's window."""

    manychat_token: SecretStr | None = Field(None, description="ManyChat's API token.")
    manychat_tag: str | None = Field(None, description="Messenger's tag for writing outside its 24 hours.")
    manychat_url: str = Field(URL, description="ManyChat's API.")


def _senders(settings: ManyChatSettings, setup: Setup) -> dict[Channel, Sender]:
    if not settings.manychat_token:
        return {}
    token = value_of(settings.manychat_token)
    sender = ManyChat(token, settings.manychat_tag, url=settings.manychat_url, **setup.limits)
    return {Channel.MESSENGER: sender, Channel.INSTAGRAM: sender}


PROVIDER = Provider(
    "manychat", ManyChatSettings, _senders, (ExternalSystem("ManyChat", "manychat_token", "manychat_url"),)
)
