"""Gupshup: WhatsApp and SMS."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.notifications.delivery import Channel
from services.notifications.properties import Phone
from services.notifications.providers.gupshup.report import GupshupReports
from services.notifications.providers.gupshup.sender import GupshupSms, GupshupWhatsApp
from services.notifications.providers.port import Provider, Sender, Setup
from shared.settings import ExternalSystem, SettingsFragment, value_of


class GupshupSettings(SettingsFragment):
    """Two products, each with an account of its own."""

    gupshup_key: SecretStr | None = Field(None, description="Gupshup's API key for WhatsApp.")
    gupshup_app: str | None = Field(None, description="The app's name at Gupshup.")
    gupshup_source: Phone | None = Field(None, description="The registered WhatsApp number.")
    gupshup_url: str = Field("https://api.gupshup.io", description="Gupshup's API for WhatsApp.")
    gupshup_sms_user: str | None = Field(None, description="The user of Gupshup's gateway for SMS.")
    gupshup_sms_password: SecretStr | None = Field(None, description="That user's password.")
    gupshup_sms_mask: str | None = Field(None, description="The sender's name in SMS; unset: Gupshup's own.")
    gupshup_sms_url: str = Field("https://enterprise.smsgupshup.com", description="Gupshup's gateway for SMS.")


def _senders(settings: GupshupSettings, setup: Setup) -> dict[Channel, Sender]:
    senders: dict[Channel, Sender] = {}
    if settings.gupshup_app and settings.gupshup_source:
        key, url = value_of(settings.gupshup_key), settings.gupshup_url
        senders[Channel.WHATSAPP] = GupshupWhatsApp(
            key, settings.gupshup_app, settings.gupshup_source, url=url, **setup.limits
        )
    if settings.gupshup_sms_user:
        password, mask, url = (
            value_of(settings.gupshup_sms_password),
            settings.gupshup_sms_mask,
            settings.gupshup_sms_url,
        )
        senders[Channel.SMS] = GupshupSms(settings.gupshup_sms_user, password, mask, url=url, **setup.limits)
    return senders


def _reports(_: GupshupSettings, setup: Setup) -> GupshupReports | None:
    return GupshupReports(setup.webhook_token) if setup.webhook_token else None


PROVIDER = Provider(
    "gupshup",
    GupshupSettings,
    _senders,
    (
        ExternalSystem("Gupshup", "gupshup_key", "gupshup_url"),
        ExternalSystem("Gupshup SMS", "gupshup_sms_user", "gupshup_sms_url"),
    ),
    _reports,
    ("POST", "GET"),  # reports of SMS may come as a query
    together=(("gupshup_key", "gupshup_app", "gupshup_source"), ("gupshup_sms_user", "gupshup_sms_password")),
)
