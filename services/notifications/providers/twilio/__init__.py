"""Twilio's Programmable Messaging: WhatsApp and SMS."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.notifications.delivery import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.twilio.report import TwilioReports
from services.notifications.providers.twilio.sender import Twilio
from shared.providers.twilio import MESSAGING_URL
from shared.settings import ExternalSystem, SettingsFragment, value_of


class TwilioSettings(SettingsFragment):
    """The account, and the sender of each channel."""

    twilio_account: str | None = Field(None, description="Account SID, AC….")
    twilio_token: SecretStr | None = Field(None, description="Auth token; it also signs Twilio's webhooks.")
    twilio_whatsapp_from: str | None = Field(None, description="Sender's number or messaging service, MG….")
    twilio_sms_from: str | None = Field(None, description="Sender's number, name or messaging service, MG….")
    twilio_url: str = Field(MESSAGING_URL, description="Twilio's API.")

    @model_validator(mode="after")
    def _twilio_can_send(self) -> Self:
        """The token alone will do for webhooks, here and in conversations."""
        sends = bool(self.twilio_account or self.twilio_whatsapp_from or self.twilio_sms_from)
        if sends and not (self.twilio_account and self.twilio_token):
            raise ValueError(
                "POSADA_TWILIO_ACCOUNT and POSADA_TWILIO_TOKEN are needed to send through Twilio: set both"
            )
        return self


def _senders(settings: TwilioSettings, setup: Setup) -> dict[Channel, Sender]:
    given = {Channel.WHATSAPP: settings.twilio_whatsapp_from, Channel.SMS: settings.twilio_sms_from}
    numbers = {channel: number for channel, number in given.items() if number}
    if not settings.twilio_account or not numbers:
        return {}
    token, url = value_of(settings.twilio_token), settings.twilio_url
    sender = Twilio(settings.twilio_account, token, numbers, url=url, callbacks=setup.callbacks, **setup.limits)
    return dict.fromkeys(numbers, sender)


def _reports(settings: TwilioSettings, setup: Setup) -> TwilioReports | None:
    token = value_of(settings.twilio_token)
    return TwilioReports(token, setup.callbacks) if token and setup.callbacks else None


PROVIDER = Provider(
    "twilio",
    TwilioSettings,
    _senders,
    (ExternalSystem("Twilio", "twilio_token", "twilio_url"),),
    _reports,
)
