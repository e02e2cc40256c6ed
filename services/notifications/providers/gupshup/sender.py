"""WhatsApp and SMS through Gupshup: two products with an address, an account and a form of answer of their own."""

from __future__ import annotations

import json

from services.notifications.delivery.model import Delivery, Form
from services.notifications.providers.http import ask, first_text, maybe_object, read_object, refuse_failure
from services.notifications.providers.port import NotSent, Receipt
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

WHATSAPP_URL = "https://api.gupshup.io"
SMS_URL = "https://enterprise.smsgupshup.com"
LONGEST_WHATSAPP = 4096
LONGEST_SMS = 1600
TRY_AGAIN = frozenset({"100", "101"})  # of the SMS gateway: an unknown fault on its side
ANSWER_PARTS = 3  # status | number or code | id or reason


class GupshupWhatsApp:
    """`POST /wa/api/v1/msg` and, for approved templates, `/wa/api/v1/template/msg`: forms, with the header apikey.

    An accepted message is only submitted: that WhatsApp refused it, for the window or the number, comes by webhook.
    """

    name = "gupshup"

    def __init__(
        self,
        key: str,
        app: str,
        source: str,
        *,
        seconds: float,
        connections: int,
        allowed: Allowed,
        url: str = WHATSAPP_URL,
    ) -> None:
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed, headers={"apikey": key})
        self._ours = {"channel": "whatsapp", "source": source.removeprefix("+"), "src.name": app}

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        form = {**self._ours, "destination": delivery.recipient}
        template = delivery.content.template
        if template and delivery.form is Form.TEMPLATE:
            path = "wa/api/v1/template/msg"
            parameters = [value for _, value in template.parameters]
            form["template"] = json.dumps({"id": template.name, "params": parameters}, ensure_ascii=False)
        else:
            path = "wa/api/v1/msg"
            if len(delivery.content.text) > LONGEST_WHATSAPP:
                raise NotSent(f"the text is longer than {LONGEST_WHATSAPP} characters", final=True)
            form["message"] = json.dumps({"type": "text", "text": delivery.content.text}, ensure_ascii=False)
        answer = await ask(self._client, "POST", path, data=form)
        refuse_failure(answer, first_text(maybe_object(answer) or {}, "message"))
        body = read_object(answer)
        if body.get("status") not in ("submitted", "success"):
            raise NotSent(f"refused: {first_text(body, 'message')}", final=True)
        found = body.get("messageId")
        return Receipt(str(found) if found else None, "submitted")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class GupshupSms:
    """`POST /GatewayAPI/rest` with method SendMessage; the answer is one line of text, always with status 200.

    `success | number | id`, or `error | code | reason`.
    """

    name = "gupshup"

    def __init__(
        self,
        user: str,
        password: str,
        mask: str | None,
        *,
        seconds: float,
        connections: int,
        allowed: Allowed,
        url: str = SMS_URL,
    ) -> None:
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed)
        self._ours = {
            "method": "SendMessage",
            "userid": user,
            "password": password,
            "auth_scheme": "plain",
            "v": "1.1",
            "format": "text",
            **({"mask": mask} if mask else {}),
        }

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        text = delivery.content.text
        if len(text) > LONGEST_SMS:
            raise NotSent(f"the text is longer than {LONGEST_SMS} characters", final=True)
        kind = "TEXT" if text.isascii() else "Unicode_text"
        form = {**self._ours, "send_to": delivery.recipient, "msg": text, "msg_type": kind}
        answer = await ask(self._client, "POST", "GatewayAPI/rest", data=form)
        refuse_failure(answer)
        parts = [part.strip() for part in answer.text.split("|", 2)]
        if len(parts) < ANSWER_PARTS or parts[0] not in ("success", "error"):
            raise NotSent("the answer is not the gateway's", final=False, unsure=True)
        if parts[0] == "error":
            raise NotSent(f"Gupshup {parts[1]}", final=parts[1] not in TRY_AGAIN)
        return Receipt(parts[2], "submitted")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
