"""WhatsApp through WATI: session messages, free text within 24 hours of the guest's last message."""

from __future__ import annotations

from services.conversations.inbound.wati import OWN_REPLY
from services.conversations.replies.providers.port import NotDone, Reply, ask, object_in, refuse_failure
from shared.outbound.client import client
from shared.outbound.destinations import Allowed
from shared.safety.masking import without_addresses


class WatiReplies:
    """`POST {url}/api/v1/sendSessionMessage/{number}`; false in `result` comes with status 200.

    WATI knows no idempotency key: a reply whose answer was lost may go out twice.
    """

    name = "wati"
    longest = 4096

    def __init__(self, url: str, token: str, *, seconds: float, allowed: Allowed) -> None:
        headers = {"Authorization": f"Bearer {token.removeprefix('Bearer ')}"}
        self._client = client(url, seconds=seconds, allowed=allowed, headers=headers)

    async def send(self, reply: Reply) -> str:
        """Send to the digits of the recipient's phone."""
        digits = "".join(letter for letter in reply.recipient if letter.isdigit())
        ours = f"{OWN_REPLY}{reply.id}"
        params = {"messageText": reply.text, "localMessageId": ours}
        answer = await ask(self._client, "POST", f"api/v1/sendSessionMessage/{digits}", params=params)
        refuse_failure(answer, "the message")
        said = object_in(answer)
        if said.get("result") not in (True, "true", "success"):
            reason = without_addresses(str(said.get("info") or "no reason given")[:200])
            raise NotDone(f"refused: {reason}", final=True)
        message = said.get("message")
        given = message.get("whatsappMessageId") if isinstance(message, dict) else None
        return str(given or ours)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
