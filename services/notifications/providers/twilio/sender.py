"""WhatsApp and SMS through Twilio's Programmable Messaging."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from services.notifications.delivery.model import Channel, Delivery, Form
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.http import ask, maybe_object, read_object, refuse_failure
from services.notifications.providers.port import IsAnothers, NotSent, Receipt
from shared.clock import Clock, system_clock
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

URL = "https://api.twilio.com"
LONGEST = {Channel.WHATSAPP: 4096, Channel.SMS: 1600}
WINDOW_CLOSED = 63016
LOST = frozenset({"failed", "undelivered", "canceled"})


class Twilio:
    """`POST /2010-04-01/Accounts/{sid}/Messages.json`, a form, with Basic authentication.

    Free text goes as Body, an approved template as ContentSid with ContentVariables. Twilio has no idempotency key
    for messages, but lists what it took: `trace` looks there before a message that it may have is sent again. Its
    error codes come with a status: 4xx but 429 is final.
    """

    name = "twilio"

    def __init__(
        self,
        account: str,
        token: str,
        senders: Mapping[Channel, str],
        *,
        seconds: float,
        connections: int,
        allowed: Allowed,
        url: str = URL,
        callbacks: Callbacks | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed, auth=(account, token))
        self._path = f"2010-04-01/Accounts/{account}/Messages.json"
        self._senders = senders
        self._callbacks = callbacks
        self._clock = clock

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        form = {"To": self._address(delivery.channel, delivery.recipient), **self._from(delivery.channel)}
        form |= self._words(delivery)
        if self._callbacks:
            form["StatusCallback"] = self._callbacks.address(self.name, str(delivery.reference))
        answer = await ask(self._client, "POST", self._path, data=form)
        _refuse(answer)
        return _receipt(read_object(answer))

    async def trace(self, delivery: Delivery, is_anothers: IsAnothers) -> Receipt | None:
        """Look through what went to the recipient since yesterday for a message of ours with these words."""
        since = (self._clock() - timedelta(days=1)).date().isoformat()
        wanted = {"To": self._address(delivery.channel, delivery.recipient), "DateSent>": since, "PageSize": "100"}
        answer = await ask(self._client, "GET", self._path, params=wanted)
        _refuse(answer)
        for message in read_object(answer).get("messages", ()):
            if _is(delivery, str(message.get("body") or "")) and not await is_anothers(str(message.get("sid"))):
                return _receipt(message)
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _words(self, delivery: Delivery) -> dict[str, str]:
        template = delivery.content.template
        if template and delivery.form is Form.TEMPLATE:
            variables = {str(number): value for number, (_, value) in enumerate(template.parameters, 1)}
            return {"ContentSid": template.name, "ContentVariables": json.dumps(variables, ensure_ascii=False)}
        if len(delivery.content.text) > LONGEST[delivery.channel]:
            raise NotSent(f"the text is longer than {LONGEST[delivery.channel]} characters", final=True)
        return {"Body": delivery.content.text}

    def _from(self, channel: Channel) -> dict[str, str]:
        sender = self._senders[channel]
        if sender.startswith("MG"):
            return {"MessagingServiceSid": sender}
        return {"From": self._address(channel, sender)}

    @staticmethod
    def _address(channel: Channel, number: str) -> str:
        international = "+" + number.removeprefix("+") if number.removeprefix("+").isdigit() else number
        return f"whatsapp:{international}" if channel is Channel.WHATSAPP else international


def _refuse(answer: httpx.Response) -> None:
    code = (maybe_object(answer) or {}).get("code")
    if code == WINDOW_CLOSED:
        raise NotSent("Twilio 63016: outside the window", final=True, window_closed=True)
    refuse_failure(answer, f"Twilio {code}" if code else "")


def _receipt(message: Mapping[str, Any]) -> Receipt:
    sid, status, code = message.get("sid"), str(message.get("status") or "accepted"), message.get("error_code")
    if status in LOST:
        raise NotSent(f"Twilio {code}: {status}", final=True, window_closed=code == WINDOW_CLOSED)
    return Receipt(str(sid) if sid else None, status)


def _is(delivery: Delivery, body: str) -> bool:
    template = delivery.content.template
    if template and delivery.form is Form.TEMPLATE:
        return all(value in body for _, value in template.parameters)
    return body == delivery.content.text
