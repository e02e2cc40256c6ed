"""Messenger and Instagram through ManyChat."""

from __future__ import annotations

from typing import Unpack

from services.notifications.delivery import Channel, Delivery
from services.notifications.providers.port import Receipt
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.manychat import LONGEST_INSTAGRAM, LONGEST_MESSENGER, URL, ManyChatClient

LONGEST = {Channel.MESSENGER: LONGEST_MESSENGER, Channel.INSTAGRAM: LONGEST_INSTAGRAM}  # a long text becomes several
MOST_TEXTS = 10


class ManyChat:
    """The same call serves both channels. `tag` is Messenger's reason for writing outside its own 24 hours."""

    name = "manychat"

    def __init__(self, token: str, tag: str | None = None, *, url: str = URL, **limits: Unpack[ClientLimits]) -> None:
        self._client = ManyChatClient(token, url, **limits)
        self.close = self._client.close
        self._tag = tag

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, a subscriber's id."""
        texts = in_pieces(delivery.content.text, LONGEST[delivery.channel])
        if len(texts) > MOST_TEXTS:
            raise CallFailed("the text is longer than ManyChat takes", final=True)
        instagram = delivery.channel is Channel.INSTAGRAM
        await self._client.send(delivery.recipient, texts, instagram=instagram, tag=self._tag)
        return Receipt(None, "success")


def in_pieces(text: str, longest: int) -> list[str]:
    """A text cut at its lines, and where a line is too long at its words, into pieces that fit."""
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > longest:
        cut = max(rest.rfind("\n", 0, longest + 1), 0) or max(rest.rfind(" ", 0, longest + 1), 0) or longest
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest]
