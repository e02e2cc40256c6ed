"""Twilio's settings."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.providers.twilio import CONVERSATIONS_URL
from shared.settings import SettingsFragment


class TwilioSettings(SettingsFragment):
    """The account, and our own address of each channel."""

    twilio_account: str | None = Field(None, description="The Twilio account's SID, AC….")
    twilio_token: SecretStr | None = Field(None, description="The Twilio account's auth token: it signs webhooks.")
    twilio_whatsapp_from: str | None = Field(None, description="Our WhatsApp sender at Twilio, E.164.")
    twilio_sms_from: str | None = Field(None, description="Our number for SMS at Twilio, E.164.")
    twilio_conversations_url: str = Field(CONVERSATIONS_URL, description="Twilio Conversations' API.")

    @model_validator(mode="after")
    def _twilio_is_complete(self) -> Self:
        ours = bool(self.twilio_whatsapp_from or self.twilio_sms_from)
        if ours and not (self.twilio_account and self.twilio_token):
            raise ValueError("POSADA_TWILIO_ACCOUNT and POSADA_TWILIO_TOKEN are needed to send through Twilio")
        return self
