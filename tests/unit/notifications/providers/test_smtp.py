"""E-mail, against a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes, policy

import pytest
from aiosmtplib import SMTPNotSupported

from services.notifications.delivery.model import Channel, Content, Delivery
from services.notifications.delivery.page import Page
from services.notifications.providers.smtp.sender import Server, Smtp, call_failed, compose
from shared.errors import CallFailed
from tests.support.builders.notifications import NOW, a_delivery
from tests.support.doubles.senders import Mailbox, smtp_double

FROM = "reservas@example.com"
PAGE = Page("es", "Posada del Mar", "Reservación confirmada", parts=[("p", "Código HR26181")])


def an_email(**given: object) -> Delivery:
    content = Content("Hola, Ana:\n\nCódigo HR26181", "Reservación confirmada", PAGE)
    return a_delivery(Channel.EMAIL, **({"recipient": "ana@example.com", "content": content} | given))


@pytest.fixture
def mailbox(unused_tcp_port: int) -> Iterator[Mailbox]:
    with smtp_double(unused_tcp_port) as box:
        yield box


@pytest.fixture
async def smtp(mailbox: Mailbox) -> AsyncIterator[Smtp]:
    sender = Smtp(Server("127.0.0.1", mailbox.port, "none"), FROM, seconds=2, clock=lambda: NOW)
    yield sender
    await sender.close()


async def test_an_email_has_text_and_html_and_our_message_id(smtp: Smtp, mailbox: Mailbox) -> None:
    delivery = an_email()
    receipt = await smtp.send(delivery)
    (envelope,) = mailbox.envelopes
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == (FROM, ["ana@example.com"])
    assert message["Message-ID"] == f"<{delivery.reference}@example.com>" == receipt.provider_id
    assert message["From"] == f"Posada del Mar <{FROM}>"
    assert message["Subject"] == "Reservación confirmada"
    assert message.get_body(("plain",)).get_content().strip().endswith("Código HR26181")  # type: ignore[union-attr]
    assert ">Código HR26181</p>" in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "queued as 42" in receipt.provider_status


async def test_a_repetition_has_the_same_message_id(smtp: Smtp, mailbox: Mailbox) -> None:
    receipts = [await smtp.send(an_email()) for _ in range(2)]
    assert len({receipt.provider_id for receipt in receipts}) == 1


async def test_connections_are_used_again(smtp: Smtp, mailbox: Mailbox) -> None:
    for number in range(5):
        await smtp.send(an_email(place=number))
    assert (len(mailbox.envelopes), len(mailbox.sessions)) == (5, 1)


async def test_several_go_out_at_once(smtp: Smtp, mailbox: Mailbox) -> None:
    await asyncio.gather(*[smtp.send(an_email(place=number)) for number in range(10)])
    assert len(mailbox.envelopes) == 10


async def test_text_alone_is_an_email_too(smtp: Smtp, mailbox: Mailbox) -> None:
    await smtp.send(an_email(content=Content("Hola")))
    assert message_from_bytes(mailbox.envelopes[0].content, policy=policy.default).get_content().strip() == "Hola"


@pytest.mark.parametrize("step", ["answer_to_rcpt", "answer_to_data"])
@pytest.mark.parametrize(("code", "final"), [(550, True), (451, False)])
async def test_the_first_digit_says_whether_to_ask_again(
    smtp: Smtp, mailbox: Mailbox, step: str, code: int, final: bool
) -> None:
    setattr(mailbox, step, f"{code} no")
    with pytest.raises(CallFailed) as caught:
        await smtp.send(an_email())
    assert (caught.value.problem, caught.value.final) == (f"SMTP {code}", final)


async def test_a_refused_message_does_not_spoil_the_next(smtp: Smtp, mailbox: Mailbox) -> None:
    mailbox.answer_to_rcpt = "550 no"
    with pytest.raises(CallFailed):
        await smtp.send(an_email())
    mailbox.answer_to_rcpt = "250 OK"
    await smtp.send(an_email())
    assert len(mailbox.envelopes) == 1


async def test_a_server_that_went_away_costs_an_attempt_and_no_more(unused_tcp_port: int) -> None:
    sender = Smtp(Server("127.0.0.1", unused_tcp_port, "none"), FROM, seconds=2)
    with smtp_double(unused_tcp_port):
        await sender.send(an_email())
    with pytest.raises(CallFailed) as caught:
        await sender.send(an_email())
    assert not caught.value.final
    with smtp_double(unused_tcp_port) as mailbox:
        await sender.send(an_email())
        await sender.close()
    assert len(mailbox.envelopes) == 1


async def test_nobody_there_may_pass(unused_tcp_port: int) -> None:
    with pytest.raises(CallFailed) as caught:
        await Smtp(Server("127.0.0.1", unused_tcp_port, "none"), FROM, seconds=1).send(an_email())
    assert not caught.value.final


async def test_without_the_security_asked_for_nothing_is_sent(mailbox: Mailbox) -> None:
    with pytest.raises(CallFailed):
        await Smtp(Server("127.0.0.1", mailbox.port, "starttls"), FROM, seconds=1).send(an_email())
    assert mailbox.envelopes == []


async def test_an_address_that_no_header_can_hold_is_final(smtp: Smtp) -> None:
    with pytest.raises(CallFailed) as caught:
        await smtp.send(an_email(recipient="josé@example.com"))
    assert caught.value.final
    assert "josé" not in caught.value.problem


def test_what_a_server_cannot_do_it_will_not_do_later() -> None:
    assert call_failed(SMTPNotSupported("SMTPUTF8")).final


def test_a_name_cannot_add_headers() -> None:
    message = compose(an_email(sender_name="Posada\r\nBcc: all@example.com"), FROM, NOW)
    assert message["Bcc"] is None
    assert "\n" not in message["From"]
