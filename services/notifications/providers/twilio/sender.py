"""WhatsApp and SMS through Twilio's Programmable Messaging."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Unpack

import httpx

from services.notifications.delivery import Channel, Delivery, Form
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.port import IsAnothers, Receipt
from shared.clock import Clock, system_clock
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import raise_for_failure, read_object
from shared.providers.twilio import MESSAGING_URL, TwilioClient, error_code

LONGEST = {Channel.WHATSAPP: 4096, Channel.SMS: 1600}
WINDOW_CLOSED = 63016
LOST = frozenset({"failed", "undelivered", "canceled"})


class Twilio:
    """`POST /2010-04-01/Accounts/{sid}/Messages.json`.

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
        url: str = MESSAGING_URL,
        callbacks: Callbacks | None = None,
        clock: Clock = system_clock,
        **limits: Unpack[ClientLimits],
    ) -> None:
        self._client = TwilioClient(account, token, url, **limits)
        self.close = self._client.close
        self._path = f"2010-04-01/Accounts/{account}/Messages.json"
        self._senders = senders
        self._callbacks = callbacks
        self._clock = clock

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`, digits with the country's prefix."""
        form = {"To": _address(delivery.channel, delivery.recipient), **self._from(delivery.channel)}
        form |= _words(delivery)
        if self._callbacks:
            form["StatusCallback"] = self._callbacks.address(self.name, str(delivery.reference))
        answer = await self._client.post(self._path, **form)
        _raise_for_failure(answer)
        return _receipt(read_object(answer))

    async def trace(self, delivery: Delivery, is_anothers: IsAnothers) -> Receipt | None:
        """Look through what went to the recipient since yesterday for a message of ours with these words."""
        since = (self._clock() - timedelta(days=1)).date().isoformat()
        wanted = {"To": _address(delivery.channel, delivery.recipient), "DateSent>": since, "PageSize": "100"}
        answer = await self._client.get(self._path, **wanted)
        _raise_for_failure(answer)
        for message in read_object(answer).get("messages", ()):
            if _is(delivery, str(message.get("body") or "")) and not await is_anothers(str(message.get("sid"))):
                return _receipt(message)
        return None

    def _from(self, channel: Channel) -> dict[str, str]:
        sender = self._senders[channel]
        if sender.startswith("MG"):
            return {"MessagingServiceSid": sender}
        return {"From": _address(channel, sender)}


def _words(delivery: Delivery) -> dict[str, str]:
    template = delivery.content.template
    if template and delivery.form is Form.TEMPLATE:
        variables = {str(number): value for number, (_, value) in enumerate(template.parameters, 1)}
        return {"ContentSid": template.name, "ContentVariables": json.dumps(variables, ensure_ascii=False)}
    if len(delivery.content.text) > LONGEST[delivery.channel]:
        raise CallFailed(f"the text is longer than {LONGEST[delivery.channel]} characters", final=True)
    return {"Body": delivery.content.text}


def _address(channel: Channel, number: str) -> str:
    international = "+" + number.removeprefix("+") if number.removeprefix("+").isdigit() else number
    return f"whatsapp:{international}" if channel is Channel.WHATSAPP else international


def _raise_for_failure(answer: httpx.Response) -> None:
    code = error_code(answer)
    if code == WINDOW_CLOSED:
        raise CallFailed("Twilio 63016: outside the window", final=True, window_closed=True)
    raise_for_failure(answer, f"Twilio {code}" if code else "")


def _receipt(message: Mapping[str, Any]) -> Receipt:
    sid, status, code = message.get("sid"), str(message.get("status") or "accepted"), message.get("error_code")
    if status in LOST:
        raise CallFailed(f"Twilio {code}: {status}", final=True, window_closed=code == WINDOW_CLOSED)
    return Receipt(str(sid) if sid else None, status)


def _is(delivery: Delivery, body: str) -> bool:
    template = delivery.content.template
    if template and delivery.form is Form.TEMPLATE:
        return all(value in body for _, value in template.parameters)
    return body == delivery.content.text
