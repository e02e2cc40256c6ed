"""WhatsApp through WATI: session messages, which WhatsApp allows for 24 hours after the guest's last message."""

from __future__ import annotations

from typing import Any

import httpx

from services.notifications.deliveries import Delivery
from services.notifications.senders.port import NotSent, Receipt

PASSING = frozenset({408, 425, 429})  # client errors that another attempt may not meet
LONGEST_TEXT = 4096


class Wati:
    """WATI's v1 API: `POST {url}/api/v1/sendSessionMessage/{number}?messageText=…`.

    Its answer has a flag `result`; false comes with status 200 and the reason in `info` or `message`, for instance
    when the 24 hours are over. `localMessageId` carries the delivery's reference: WATI shows it, and does not promise
    to recognise a repetition by it.
    """

    name = "wati"

    def __init__(self, url: str, token: str, *, seconds: float, connections: int) -> None:
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {token.removeprefix('Bearer ')}"},
            timeout=seconds,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        if len(delivery.content.text) > LONGEST_TEXT:
            raise NotSent(f"the text is longer than {LONGEST_TEXT} characters", final=True)
        try:
            answer = await self._client.post(
                f"api/v1/sendSessionMessage/{delivery.recipient}",
                params={"messageText": delivery.content.text, "localMessageId": str(delivery.reference)},
            )
        except httpx.HTTPError as fault:
            raise NotSent(type(fault).__name__, final=False) from fault
        return _receipt(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _receipt(answer: httpx.Response) -> Receipt:
    if not answer.is_success:
        passing = answer.is_server_error or answer.status_code in PASSING
        raise NotSent(f"HTTP {answer.status_code}", final=not passing)
    body = _json(answer)
    if body is None:
        raise NotSent("the answer is not JSON", final=False)
    if body.get("result") not in (True, "true", "success"):
        raise NotSent(f"refused: {_reason(body)}", final=True)
    return Receipt(_message_id(body), "accepted")


def _json(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _reason(body: dict[str, Any]) -> str:
    given = (body.get("info"), body.get("message"), body.get("error"))
    return next((text for text in given if isinstance(text, str) and text), "no reason given")[:200]


def _message_id(body: dict[str, Any]) -> str | None:
    """WhatsApp's id of the message where WATI has it yet, else WATI's own."""
    message = body.get("message")
    described = message if isinstance(message, dict) else body
    found = next(
        (described[name] for name in ("whatsappMessageId", "id", "localMessageId") if described.get(name)), None
    )
    return str(found) if found else None
