"""The providers that there are, and what the settings choose of them."""

from __future__ import annotations

from typing import Any

from services.notifications.delivery import Channel
from services.notifications.providers import exotel, gupshup, manychat, postmark, smtp, twilio, wati
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.local import LocalOutbox
from services.notifications.providers.port import AnyProvider, Sender, Setup
from services.notifications.providers.report import Greeting, ReportReader
from shared.settings import value_of

# Where several providers of a channel are configured, the first of them sends.
PROVIDERS: tuple[AnyProvider, ...] = (
    postmark.PROVIDER,
    smtp.PROVIDER,
    exotel.PROVIDER,
    manychat.PROVIDER,
    wati.PROVIDER,
    twilio.PROVIDER,
    gupshup.PROVIDER,
)


def setup_of(settings: Any) -> Setup:
    """What every provider is given, by the service's settings."""
    secret = value_of(settings.callback_secret)
    return Setup(
        {
            "seconds": settings.send_seconds,
            "connections": settings.sending_at_once,
            "allowed": settings.outbound,
        },
        Callbacks(settings.public_url, secret) if settings.public_url and secret else None,
        value_of(settings.webhook_token),
    )


def senders_of(settings: Any) -> dict[Channel, Sender]:
    """The provider of each channel; the local outbox where none is configured."""
    setup = setup_of(settings)
    senders: dict[Channel, Sender] = {channel: LocalOutbox() for channel in Channel}
    for provider in reversed(PROVIDERS):
        senders |= provider.senders(settings, setup)
    return senders


def readers_of(settings: Any) -> dict[str, ReportReader]:
    """Who reads the reports of each provider whose secrets are set."""
    setup = setup_of(settings)
    found = {one.name: one.reports(settings, setup) for one in PROVIDERS if one.reports}
    return {name: reader for name, reader in found.items() if reader}


def greetings_of(settings: Any) -> dict[str, Greeting]:
    """Where providers ask what a call to staff has to say."""
    setup = setup_of(settings)
    return {one.name: one.greeting(settings, setup) for one in PROVIDERS if one.greeting}
