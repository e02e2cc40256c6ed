"""WhatsApp and SMS through Gupshup: two products with an address, an account and a form of answer of their own."""

from __future__ import annotations

import json
from typing import Unpack

from services.notifications.delivery import Delivery, Form
from services.notifications.providers.port import Receipt
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import ProviderClient, first_text, maybe_object, raise_for_failure, read_object

LONGEST_WHATSAPP = 4096
LONGEST_SMS = 1600
TRY_AGAIN = frozenset({"100", "101"})  # of the SMS gateway: an unknown fault on its side
ANSWER_PARTS = 3  # status | number or code | id or reason


class GupshupWhatsApp:
    """`POST /wa/api/v1/msg` and, for approved templates, `/wa/api/v1/template/msg`: forms, with the header apikey.

    An accepted message is only submitted: that WhatsApp refused it, for the window or the number, comes by webhook.
    """

    name = "gupshup"

    def __init__(self, key: str, app: str, source: str, *, url: str, **limits: Unpack[ClientLimits]) -> None:
        self._client = ProviderClient(url, headers={"apikey": key}, **limits)
        self.close = self._client.close
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
                raise CallFailed(f"the text is longer than {LONGEST_WHATSAPP} characters", final=True)
            form["message"] = json.dumps({"type": "text", "text": delivery.content.text}, ensure_ascii=False)
        answer = await self._client.ask("POST", path, data=form)
        raise_for_failure(answer, first_text(maybe_object(answer) or {}, "message"))
        body = read_object(answer)
        if body.get("status") not in ("submitted", "success"):
            raise CallFailed(f"refused: {first_text(body, 'message')}", final=True)
        found = body.get("messageId")
        return Receipt(str(found) if found else None, "submitted")


class GupshupSms:
    """`POST /GatewayAPI/rest` with method SendMessage; the answer is one line of text, always with status 200.

    `success | number | id`, or `error | code | reason`.
    """

    name = "gupshup"

    def __init__(self, user: str, password: str, mask: str | None, *, url: str, **limits: Unpack[ClientLimits]) -> None:
        self._client = ProviderClient(url, **limits)
        self.close = self._client.close
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
            raise CallFailed(f"the text is longer than {LONGEST_SMS} characters", final=True)
        kind = "TEXT" if text.isascii() else "Unicode_text"
        form = {**self._ours, "send_to": delivery.recipient, "msg": text, "msg_type": kind}
        answer = await self._client.ask("POST", "GatewayAPI/rest", data=form)
        raise_for_failure(answer)
        parts = [part.strip() for part in answer.text.split("|", 2)]
        if len(parts) < ANSWER_PARTS or parts[0] not in ("success", "error"):
            raise CallFailed("the answer is not the gateway's", unsure=True)
        if parts[0] == "error":
            raise CallFailed(f"Gupshup {parts[1]}", final=parts[1] not in TRY_AGAIN)
        return Receipt(parts[2], "submitted")
