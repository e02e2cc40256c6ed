"""Exotel: calls to staff."""

from __future__ import annotations

from services.notifications.delivery.model import Channel
from services.notifications.providers.exotel.greeting import ExotelGreeting
from services.notifications.providers.exotel.report import ExotelReports
from services.notifications.providers.exotel.sender import Exotel
from services.notifications.providers.exotel.settings import ExotelSettings
from services.notifications.providers.port import Provider, Sender, Setup
from shared.settings import ExternalSystem, value_of


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
