"""WhatsApp through WATI: session messages within the window, template messages outside it."""

from __future__ import annotations

from typing import Any

from services.notifications.delivery.model import Delivery, Form
from services.notifications.providers.http import ask, first_text, read_object, refuse_failure
from services.notifications.providers.port import IsAnothers, NotSent, Receipt
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

LONGEST_TEXT = 4096
EXPIRED = ("expired", "24 hour", "24-hour", "24 hours")  # how WATI words a window that has closed
NOT_FOUND = 404


class Wati:
    """WATI's API, with a bearer token, at the address that its dashboard shows.

    `POST api/v1/sendSessionMessage/{number}?messageText=…` and `POST api/v2/sendTemplateMessage?whatsappNumber=…`.
    Both answer with a flag `result`; false comes with status 200 and a reason in `info`, `message` or `error`. A
    session message carries our reference as `localMessageId`, by which `trace` asks for it; a template message gets
    an id of WATI's own, so that one cannot be traced.
    """

    name = "wati"

    def __init__(self, url: str, token: str, *, seconds: float, connections: int, allowed: Allowed) -> None:
        headers = {"Authorization": f"Bearer {token.removeprefix('Bearer ')}"}
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed, headers=headers)

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        if delivery.form is Form.TEMPLATE and delivery.content.template:
            return await self._send_template(delivery)
        if len(delivery.content.text) > LONGEST_TEXT:
            raise NotSent(f"the text is longer than {LONGEST_TEXT} characters", final=True)
        answer = await ask(
            self._client,
            "POST",
            f"api/v1/sendSessionMessage/{delivery.recipient}",
            params={"messageText": delivery.content.text, "localMessageId": str(delivery.reference)},
        )
        refuse_failure(answer)
        body = read_object(answer)
        _refuse_false(body)
        return Receipt(_message_id(body), "accepted")

    async def trace(self, delivery: Delivery, _: IsAnothers) -> Receipt | None:
        """Ask for a session message by our own id."""
        if delivery.form is Form.TEMPLATE:
            return None
        reference = str(delivery.reference)
        answer = await ask(self._client, "GET", f"api/v1/whatsapp/messages/{delivery.recipient}/{reference}")
        if answer.status_code == NOT_FOUND:
            return None
        refuse_failure(answer)
        body = read_object(answer)
        if body.get("result") in (False, "false", "error"):
            return None
        found = _message_id(body)
        return Receipt(found, "accepted") if found else None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send_template(self, delivery: Delivery) -> Receipt:
        template = delivery.content.template
        assert template  # noqa: S101 — the caller has looked
        answer = await ask(
            self._client,
            "POST",
            "api/v2/sendTemplateMessage",
            params={"whatsappNumber": delivery.recipient},
            json={
                "template_name": template.name,
                "broadcast_name": f"posada-{delivery.occasion.partition(':')[0]}",
                "parameters": [{"name": name, "value": value} for name, value in template.parameters],
            },
        )
        refuse_failure(answer)
        body = read_object(answer)
        _refuse_false(body)
        receivers = body.get("receivers")
        receiver = receivers[0] if isinstance(receivers, list) and receivers else {}
        if receiver.get("isValidWhatsAppNumber") is False:
            raise NotSent("refused: not a WhatsApp number", final=True)
        return Receipt(_message_id(receiver or body), "accepted")


def _refuse_false(body: dict[str, Any]) -> None:
    if body.get("result") not in (True, "true", "success"):
        reason = first_text(body, "info", "message", "error")
        closed = any(word in reason.lower() for word in EXPIRED)
        raise NotSent(f"refused: {reason}", final=True, window_closed=closed)


def _message_id(body: dict[str, Any]) -> str | None:
    """WATI's local id, which its webhooks repeat, else WhatsApp's or WATI's own."""
    message = body.get("message")
    described = message if isinstance(message, dict) else body
    found = next(
        (described[name] for name in ("localMessageId", "whatsappMessageId", "id") if described.get(name)), None
    )
    return str(found) if found else None
