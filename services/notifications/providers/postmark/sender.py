"""E-mail through Postmark's HTTP API."""

from __future__ import annotations

from base64 import b64encode
from email.headerregistry import Address
from typing import Any, Unpack

from services.notifications.delivery import Delivery
from services.notifications.providers.port import IsAnothers, Receipt
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import ProviderClient, maybe_object, raise_for_failure, read_object

URL = "https://api.postmarkapp.com"
MAINTENANCE, RATE_LIMIT = 100, 429
PASSING_CODES = frozenset({MAINTENANCE, RATE_LIMIT})


class Postmark:
    """`POST /email` with X-Postmark-Server-Token; an ErrorCode other than 0 is a refusal, with status 422 or 200.

    Postmark has no idempotency key; the reference goes along as metadata, by which `trace` finds a message again.
    """

    name = "postmark"

    def __init__(self, token: str, sender: str, *, stream: str, url: str = URL, **limits: Unpack[ClientLimits]) -> None:
        headers = {"X-Postmark-Server-Token": token, "Accept": "application/json"}
        self._client = ProviderClient(url, headers=headers, **limits)
        self.close = self._client.close
        self._sender = sender
        self._stream = stream

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`."""
        answer = await self._client.ask("POST", "email", json=self._body(delivery))
        said = maybe_object(answer) or {}
        code = said.get("ErrorCode")
        if code in PASSING_CODES:
            raise CallFailed(f"Postmark {code}")
        raise_for_failure(answer, f"Postmark {code}" if code else "")
        said = read_object(answer)
        if said.get("ErrorCode") != 0:
            raise CallFailed(f"Postmark {said.get('ErrorCode')}", final=True)
        return Receipt(str(said["MessageID"]) if said.get("MessageID") else None, "accepted")

    async def trace(self, delivery: Delivery, _: IsAnothers) -> Receipt | None:
        """Ask for a message with this reference."""
        wanted = {"count": "1", "offset": "0", "metadata_reference": str(delivery.reference)}
        answer = await self._client.ask("GET", "messages/outbound", params=wanted)
        raise_for_failure(answer)
        messages = read_object(answer).get("Messages") or []
        if not messages:
            return None
        return Receipt(str(messages[0].get("MessageID")), str(messages[0].get("Status") or "accepted"))

    def _body(self, delivery: Delivery) -> dict[str, Any]:
        content = delivery.content
        domain = self._sender.rpartition("@")[2]
        try:
            sender = str(Address(" ".join(delivery.sender_name.split()), addr_spec=self._sender))
        except ValueError as defect:
            raise CallFailed("the headers cannot be written", final=True) from defect
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
