"""ManyChat's API for Messenger and Instagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import (
    ProviderClient,
    bearer,
    first_text,
    maybe_object,
    raise_for_failure,
    read_object,
)

URL = "https://api.manychat.com"
LONGEST_MESSENGER, LONGEST_INSTAGRAM = 2000, 1000  # characters of one text


class ManyChatClient(ProviderClient):
    """A bearer token; `POST /fb/sending/sendContent` takes a dynamic block, version v2.

    The answer gives no id, and there is no idempotency key: what is sent again goes out again.
    """

    def __init__(self, token: str, url: str = URL, **limits: Unpack[ClientLimits]) -> None:
        super().__init__(url, headers=bearer(token), **limits)

    async def send(self, subscriber: str, texts: Sequence[str], *, instagram: bool, tag: str | None = None) -> None:
        """Send texts to a subscriber by its id, on Instagram or else on Messenger.

        `tag` is Messenger's reason for writing outside its own 24 hours, where the page has one.

        Raises:
            CallFailed: when they were not taken.
        """
        content: dict[str, object] = {"messages": [{"type": "text", "text": text} for text in texts]}
        if instagram:
            content["type"] = "instagram"
        body: dict[str, object] = {
            "subscriber_id": int(subscriber) if subscriber.isascii() and subscriber.isdigit() else subscriber,
            "data": {"version": "v2", "content": content},
        }
        if tag and not instagram:
            body["message_tag"] = tag
        answer = await self.ask("POST", "fb/sending/sendContent", json=body)
        code = (maybe_object(answer) or {}).get("code")
        raise_for_failure(answer, f"ManyChat {code}" if code else "")
        said = read_object(answer)
        if said.get("status") != "success":
            raise CallFailed(f"refused: {first_text(said, 'message')}", final=True)
