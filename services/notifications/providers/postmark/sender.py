"""E-mail through Postmark's HTTP API."""

from __future__ import annotations

from base64 import b64encode
from email.headerregistry import Address
from typing import Any

from services.notifications.delivery.model import Delivery
from services.notifications.providers.http import ask, maybe_object, read_object, refuse_failure
from services.notifications.providers.port import IsAnothers, NotSent, Receipt
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

URL = "https://api.postmarkapp.com"
MAINTENANCE, RATE_LIMIT = 100, 429
PASSING_CODES = frozenset({MAINTENANCE, RATE_LIMIT})
LOST = frozenset({"Bounced", "Failed"})


class Postmark:
    """`POST /email` with X-Postmark-Server-Token; an ErrorCode other than 0 is a refusal, with status 422 or 200.

    Postmark has no idempotency key; the reference goes along as metadata, by which `trace` finds a message again.
    """

    name = "postmark"

    def __init__(
        self,
        token: str,
        sender: str,
        *,
        stream: str,
        seconds: float,
        connections: int,
        allowed: Allowed,
        url: str = URL,
    ) -> None:
        headers = {"X-Postmark-Server-Token": token, "Accept": "application/json"}
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed, headers=headers)
        self._sender = sender
        self._stream = stream

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`."""
        answer = await ask(self._client, "POST", "email", json=self._body(delivery))
        said = maybe_object(answer) or {}
        code = said.get("ErrorCode")
        if code in PASSING_CODES:
            raise NotSent(f"Postmark {code}", final=False)
        refuse_failure(answer, f"Postmark {code}" if code else "")
        said = read_object(answer)
        if said.get("ErrorCode") != 0:
            raise NotSent(f"Postmark {said.get('ErrorCode')}", final=True)
        return Receipt(str(said["MessageID"]) if said.get("MessageID") else None, "accepted")

    async def trace(self, delivery: Delivery, _: IsAnothers) -> Receipt | None:
        """Ask for a message with this reference."""
        wanted = {"count": "1", "offset": "0", "metadata_reference": str(delivery.reference)}
        answer = await ask(self._client, "GET", "messages/outbound", params=wanted)
        refuse_failure(answer)
        messages = read_object(answer).get("Messages") or []
        if not messages:
            return None
        return Receipt(str(messages[0].get("MessageID")), str(messages[0].get("Status") or "accepted"))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _body(self, delivery: Delivery) -> dict[str, Any]:
        content = delivery.content
        domain = self._sender.rpartition("@")[2]
        try:
            sender = str(Address(" ".join(delivery.sender_name.split()), addr_spec=self._sender))
        except ValueError as defect:
            raise NotSent("the headers cannot be written", final=True) from defect
        body: dict[str, Any] = {
            "From": sender,
            "To": delivery.recipient,
            "Subject": " ".join((content.subject or "").split()),
            "TextBody": content.text,
            "MessageStream": self._stream,
            "Tag": delivery.occasion.partition(":")[0],
            "Metadata": {"reference": str(delivery.reference)},
            "Headers": [
                {"Name": "Message-ID", "Value": f"<{delivery.reference}@{domain}>"},
                {"Name": "X-PM-KeepID", "Value": "true"},
                {"Name": "Auto-Submitted", "Value": "auto-generated"},
            ],
        }
        if content.html:
            body["HtmlBody"] = content.html
        if calendar := content.calendar:
            body["Attachments"] = [
                {
                    "Name": "estadia.ics",
                    "Content": b64encode(calendar.encode()).decode(),
                    "ContentType": "text/calendar; charset=utf-8",
                }
            ]
        return body
