"""The chat providers that there are, and what the settings choose of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.conversations.providers import manychat, twilio, wati
from services.conversations.providers.port import AnyProvider, ReplySender
from services.conversations.providers.webhook import Webhook
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits

# Where several providers of a channel are configured, the first of them sends what no other has brought.
PROVIDERS: tuple[AnyProvider, ...] = (twilio.PROVIDER, wati.PROVIDER, manychat.PROVIDER)


def webhooks_of(settings: Any, staff: Mapping[str, Author]) -> list[Webhook]:
    """The webhooks whose secrets are set; `staff` are ours by phone (E.164) or chat identity."""
    return [webhook for one in PROVIDERS if (webhook := one.webhook(settings, staff))]


def senders_of(settings: Any) -> dict[Channel, list[ReplySender]]:
    """Who sends on each channel, the first choice first; a channel without any keeps its replies here."""
    found: dict[Channel, list[ReplySender]] = {channel: [] for channel in Channel}
    limits: ClientLimits = {"seconds": settings.send_seconds, "allowed": settings.outbound}
    for provider in PROVIDERS:
        for channel, sender in provider.senders(settings, limits).items():
            found[channel].append(sender)
    return found
