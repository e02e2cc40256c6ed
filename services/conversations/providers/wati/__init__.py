"""WATI: WhatsApp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.conversations.providers.port import ChatProvider, ReplySender
from services.conversations.providers.wati.replies import WatiReplies
from services.conversations.providers.wati.webhook import WatiWebhook
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits
from shared.settings import ExternalSystem, OwnSecret, SettingsFragment, value_of


class WatiSettings(SettingsFragment):
    """The tenant's address and token, and what its webhook shows."""

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")
    wati_webhook_token: OwnSecret | None = Field(None, description="Token in WATI's webhook address, ?token=….")

    @model_validator(mode="after")
    def _wati_is_complete(self) -> Self:
        if self.wati_token and not self.wati_url:
            raise ValueError("POSADA_WATI_URL is needed to send through WATI")
        return self


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
