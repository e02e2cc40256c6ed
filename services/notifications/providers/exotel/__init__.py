"""Exotel: calls to staff."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.notifications.delivery import Channel
from services.notifications.providers.exotel.greeting import ExotelGreeting
from services.notifications.providers.exotel.report import ExotelReports
from services.notifications.providers.exotel.sender import Exotel
from services.notifications.providers.port import Provider, Sender, Setup
from shared.settings import ExternalSystem, SettingsFragment, value_of


class ExotelSettings(SettingsFragment):
    """The account, who calls, and the flow that is called with."""

    exotel_account: str | None = Field(None, description="The account's SID at Exotel.")
    exotel_key: SecretStr | None = Field(None, description="Exotel's API key.")
    exotel_token: SecretStr | None = Field(None, description="Exotel's API token.")
    exotel_caller: str | None = Field(None, description="The ExoPhone that calls.")
    exotel_flow: str | None = Field(None, description="The id of the flow whose greeting reads the alert.")
    exotel_url: str = Field("https://api.exotel.com", description="api.in.exotel.com for the cluster in Mumbai.")


def _senders(settings: ExotelSettings, setup: Setup) -> dict[Channel, Sender]:
    if not settings.exotel_account or not settings.exotel_caller or not settings.exotel_flow:
        return {}
    sender = Exotel(
        settings.exotel_account,
        value_of(settings.exotel_key),
        value_of(settings.exotel_token),
        settings.exotel_caller,
        settings.exotel_flow,
        url=settings.exotel_url,
        callbacks=setup.callbacks,
        **setup.limits,
    )
    return {Channel.VOICE: sender}


def _reports(_: ExotelSettings, setup: Setup) -> ExotelReports | None:
    return ExotelReports(setup.callbacks) if setup.callbacks else None


def _greeting(_: ExotelSettings, setup: Setup) -> ExotelGreeting:
    return ExotelGreeting(setup.webhook_token)


PROVIDER = Provider(
    "exotel",
    ExotelSettings,
    _senders,
    (ExternalSystem("Exotel", "exotel_key", "exotel_url"),),
    _reports,
    together=(("exotel_account", "exotel_key", "exotel_token", "exotel_caller", "exotel_flow"),),
    greeting=_greeting,
)
