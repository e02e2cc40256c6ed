"""Twilio Conversations: WhatsApp, SMS and Messenger, with a conversation of Twilio's for each thread."""

from __future__ import annotations

from collections.abc import Mapping

from services.conversations.providers.port import ChatProvider, ReplySender
from services.conversations.providers.twilio.replies import TwilioConversations
from services.conversations.providers.twilio.settings import TwilioSettings
from services.conversations.providers.twilio.webhook import TwilioWebhook
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits
from shared.settings import ExternalSystem, value_of


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
