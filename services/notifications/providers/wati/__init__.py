"""WATI: WhatsApp."""

from __future__ import annotations

from services.notifications.delivery.model import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.wati.report import WatiReports
from services.notifications.providers.wati.sender import Wati
from services.notifications.providers.wati.settings import WatiSettings
from shared.settings import ExternalSystem, value_of


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
