"""Messenger and Instagram through ManyChat."""

from __future__ import annotations

from services.notifications.delivery.model import Channel, Delivery
from services.notifications.providers.http import ask, first_text, maybe_object, read_object, refuse_failure
from services.notifications.providers.port import NotSent, Receipt
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

URL = "https://api.manychat.com"
LONGEST = {Channel.MESSENGER: 2000, Channel.INSTAGRAM: 1000}  # characters of one text; a long one becomes several
MOST_TEXTS = 10


class ManyChat:
    """`POST /fb/sending/sendContent` with a bearer token; content is a dynamic block, version v2.

    The same call serves both channels: a block of type instagram goes there, one without a type to Messenger. The
    answer gives no id. `tag` is Messenger's reason for writing outside its own 24 hours, where the page has one.
    """

    name = "manychat"

    def __init__(
        self, token: str, tag: str | None = None, *, seconds: float, connections: int, allowed: Allowed, url: str = URL
    ) -> None:
        headers = {"Authorization": f"Bearer {token.removeprefix('Bearer ')}"}
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed, headers=headers)
        self._tag = tag

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, a subscriber's id."""
        texts = in_pieces(delivery.content.text, LONGEST[delivery.channel])
        if len(texts) > MOST_TEXTS:
            raise NotSent("the text is longer than ManyChat takes", final=True)
        content: dict[str, object] = {"messages": [{"type": "text", "text": text} for text in texts]}
        if delivery.channel is Channel.INSTAGRAM:
            content["type"] = "instagram"
        identity = delivery.recipient
        body: dict[str, object] = {
            "subscriber_id": int(identity) if identity.isascii() and identity.isdigit() else identity,
            "data": {"version": "v2", "content": content},
        }
        if self._tag and delivery.channel is Channel.MESSENGER:
            body["message_tag"] = self._tag
        answer = await ask(self._client, "POST", "fb/sending/sendContent", json=body)
        said = maybe_object(answer) or {}
        refuse_failure(answer, f"ManyChat {said['code']}" if said.get("code") else "")
        said = read_object(answer)
        if said.get("status") != "success":
            raise NotSent(f"refused: {first_text(said, 'message')}", final=True)
        return Receipt(None, "success")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def in_pieces(text: str, longest: int) -> list[str]:
    """A text cut at its lines, and where a line is too long at its words, into pieces that fit."""
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > longest:
        cut = max(rest.rfind("\n", 0, longest + 1), 0) or max(rest.rfind(" ", 0, longest + 1), 0) or longest
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest]
