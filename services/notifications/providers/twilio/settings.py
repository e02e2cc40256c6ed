"""Twilio's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.providers.twilio import MESSAGING_URL
from shared.settings import SettingsFragment


class TwilioSettings(SettingsFragment):
    """The account, and the sender of each channel."""

    twilio_account: str | None = Field(None, description="Account SID, AC….")
    twilio_token: SecretStr | None = Field(None, description="Auth token; it also signs Twilio's webhooks.")
    twilio_whatsapp_from: str | None = Field(None, description="Sender's number or messaging service, MG….")
    twilio_sms_from: str | None = Field(None, description="Sender's number, name or messaging service, MG….")
    twilio_url: str = Field(MESSAGING_URL, description="Twilio's API.")
