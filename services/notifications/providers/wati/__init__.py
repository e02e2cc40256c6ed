"""WATI: WhatsApp."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.notifications.delivery import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.wati.report import WatiReports
from services.notifications.providers.wati.sender import Wati
from shared.settings import ExternalSystem, SettingsFragment, value_of


class WatiSettings(SettingsFragment):
    """The tenant's address and token."""

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")


def _senders(settings: WatiSettings, setup: Setup) -> dict[Channel, Sender]:
    if not settings.wati_url:
        return {}
    return {Channel.WHATSAPP: Wati(settings.wati_url, value_of(settings.wati_token), **setup.limits)}


def _reports(_: WatiSettings, setup: Setup) -> WatiReports | None:
    return WatiReports(setup.webhook_token) if setup.webhook_token else None


PROVIDER = Provider(
    "wati",
    WatiSettings,
    _senders,
    (ExternalSystem("WATI", "wati_token", "wati_url"),),
    _reports,
    together=(("wati_url", "wati_token"),),
)
