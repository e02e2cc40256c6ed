"""Twilio Conversations: WhatsApp, SMS and Messenger, with a conversation of Twilio's for each thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.conversations.providers.port import ChatProvider, ReplySender
from services.conversations.providers.twilio.replies import TwilioConversations
from services.conversations.providers.twilio.webhook import TwilioWebhook
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits
from shared.providers.twilio import CONVERSATIONS_URL
from shared.settings import ExternalSystem, SettingsFragment, value_of


class TwilioSettings(SettingsFragment):
    """The account, and our own address of each channel."""

    twilio_account: str | None = Field(None, description="The Twilio account's SID, AC….")
    twilio_token: SecretStr | None = Field(
        None, description="The Twilio account's auth token, which also signs webhooks."
    )
    twilio_whatsapp_from: str | None = Field(None, description="Our WhatsApp sender at Twilio, E.164.")
    twilio_sms_from: str | None = Field(None, description="Our number for SMS at Twilio, E.164.")
    twilio_conversations_url: str = Field(CONVERSATIONS_URL, description="Twilio Conversations' API.")

    @model_validator(mode="after")
    def _twilio_is_complete(self) -> Self:
        ours = bool(self.twilio_whatsapp_from or self.twilio_sms_from)
        if ours and not (self.twilio_account and self.twilio_token):
            raise ValueError("POSADA_TWILIO_ACCOUNT and POSADA_TWILIO_TOKEN are needed to send through Twilio")
        return self


def _webhook(settings: TwilioSettings, staff: Mapping[str, Author]) -> TwilioWebhook | None:
    token = value_of(settings.twilio_token)
    return TwilioWebhook(token, staff) if token else None


def _senders(settings: TwilioSettings, limits: ClientLimits) -> dict[Channel, ReplySender]:
    given = {Channel.WHATSAPP: settings.twilio_whatsapp_from, Channel.SMS: settings.twilio_sms_from}
    ours = {channel: address for channel, address in given.items() if address}
    account, token = settings.twilio_account, value_of(settings.twilio_token)
    if not ours or not account or not token:
        return {}
    return dict.fromkeys(
        ours, TwilioConversations(account, token, ours, url=settings.twilio_conversations_url, **limits)
    )


PROVIDER = ChatProvider(
    "twilio",
    TwilioSettings,
    ExternalSystem("Twilio", "twilio_token", "twilio_conversations_url"),
    "twilio_token",
    _webhook,
    _senders,
)
