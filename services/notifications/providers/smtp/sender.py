"""E-mail over SMTP: text and HTML in one message, over a few connections that are used again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from aiosmtplib import SMTP, SMTPException, SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException

from services.notifications.delivery import Delivery
from services.notifications.providers.port import Receipt
from shared.clock import Clock, system_clock
from shared.errors import CallFailed

IDLE_SECONDS = 20.0  # servers close a silent connection sooner or later; a closed one would cost an attempt
PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Server:
    """Where e-mail goes out; `security` says how the connection is protected."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = None


class Smtp:
    """An SMTP server; as many connections are open as messages are under way."""

    name = "smtp"

    def __init__(self, server: Server, sender: str, *, seconds: float, clock: Clock = system_clock) -> None:
        self._server = server
        self._sender = sender
        self._seconds = seconds
        self._clock = clock
        self._idle: list[tuple[float, SMTP]] = []

    async def send(self, delivery: Delivery) -> Receipt:
        """Send to `delivery.recipient`; an answer of the server in the 500s is final."""
        try:
            message = compose(delivery, self._sender, self._clock())
        except ValueError as defect:  # such as a local part that is not ASCII
            raise CallFailed(f"the headers cannot be written: {type(defect).__name__}", final=True) from defect
        try:
            answer = await self._converse(await self._connected(), message)
        except SMTPException as fault:
            raise call_failed(fault) from fault
        except OSError as fault:
            raise CallFailed(type(fault).__name__) from fault
        return Receipt(str(message["Message-ID"]), answer.partition("\n")[0][:200])

    async def close(self) -> None:
        """Say good-bye on every idle connection."""
        while self._idle:
            await _leave(self._idle.pop()[1])

    async def _converse(self, client: SMTP, message: EmailMessage) -> str:
        in_step = False  # after a time-out or a cancellation nobody knows what the server will answer next
        try:
            _, answer = await client.send_message(message)
            in_step = True
        except (SMTPResponseException, SMTPRecipientsRefused):
            in_step = True
            raise
        finally:
            if in_step and client.is_connected:
                self._idle.append((time.monotonic(), client))
            else:
                client.close()
        return answer

    async def _connected(self) -> SMTP:
        while self._idle:
            since, client = self._idle.pop()
            if client.is_connected and time.monotonic() - since < IDLE_SECONDS:
                return client
            await _leave(client)
        client = SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.user,
            password=self._server.password,
            use_tls=self._server.security == "tls",
            start_tls=self._server.security == "starttls",
            timeout=self._seconds,
        )
        await client.connect()
        return client


async def _leave(client: SMTP) -> None:
    try:
        await client.quit()
    except (SMTPException, OSError):
        client.close()


def compose(delivery: Delivery, sender: str, now: datetime) -> EmailMessage:
    """The e-mail of a delivery; every attempt has the same Message-ID, so that mailboxes can drop a repetition."""
    content = delivery.content
    message = EmailMessage()
    message["From"] = Address(_one_line(delivery.sender_name), addr_spec=sender)
    message["To"] = Address(addr_spec=delivery.recipient)
    message["Subject"] = _one_line(content.subject or "")
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery.reference}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(content.text)
    if content.html:
        message.add_alternative(content.html, subtype="html")
    if calendar := content.calendar:
        message.add_attachment(
            calendar.encode(),
            maintype="text",
            subtype="calendar",
            filename="estadia.ics",
            params={"charset": "utf-8"},
        )
    return message


def _one_line(text: str) -> str:
    return " ".join(text.split())


def call_failed(fault: SMTPException) -> CallFailed:
    """Whether asking again may help: the server's answer says so by its first digit."""
    answers = fault.recipients if isinstance(fault, SMTPRecipientsRefused) else [fault]
    codes = [one.code for one in answers if isinstance(one, SMTPResponseException)]
    if codes:
        return CallFailed(f"SMTP {codes[0]}", final=codes[0] >= PERMANENT)
    return CallFailed(type(fault).__name__, final=isinstance(fault, SMTPNotSupported))
