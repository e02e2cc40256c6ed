"""Every provider's adapter against a double that checks what it receives as the provider would."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.notifications.delivery.calendar import StayEntry
from services.notifications.delivery.model import Channel, Content, Delivery, Form, Template
from services.notifications.delivery.page import Page
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.exotel.sender import Exotel
from services.notifications.providers.gupshup.sender import GupshupSms, GupshupWhatsApp
from services.notifications.providers.manychat.sender import ManyChat, in_pieces
from services.notifications.providers.port import Receipt, Sender, Tracer
from services.notifications.providers.postmark.sender import Postmark
from services.notifications.providers.twilio.sender import Twilio
from services.notifications.providers.wati.sender import Wati
from shared.errors import CallFailed
from shared.providers.http import pause_of
from tests.support.builders.notifications import NOW, a_delivery
from tests.support.doubles import message_providers as doubles
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.message_providers import Answer, Asked, Double, told

LIMITS: dict[str, Any] = {"seconds": 0.5, "connections": 2, "allowed": LOOPBACK}
CALLBACKS = Callbacks("https://posada.example/", "callback-secret", clock=lambda: NOW)
APPROVED = Template("HXabc", "es", (("guest", "Ana"), ("codes", "HR26181, HR26182")))
TEMPLATE = a_delivery(form=Form.TEMPLATE, content=Content("¡Hola!", template=APPROVED))
STAY = StayEntry(UUID(int=1), "Las Hojas", "HR26181", NOW, NOW + timedelta(days=1), NOW)
EMAIL = a_delivery(
    Channel.EMAIL,
    "ana@example.com",
    content=Content("Código HR26181", "Su  reservación\n", Page("es", "Las Hojas", "Su reservación"), entry=STAY),
)


@dataclass
class Provider:
    """One provider with its adapter."""

    name: str
    double: Double
    sender: Sender
    delivery: Delivery


Make = tuple[Callable[[], Callable[[Asked], Answer]], Callable[[str], Sender], Delivery]
NUMBERS = {Channel.WHATSAPP: "50322223333", Channel.SMS: "Posada"}
PROVIDER_CASES: dict[str, Make] = {
    "wati": (doubles.WatiServer, lambda url: Wati(url, "secret", **LIMITS), a_delivery()),
    "wati template": (doubles.WatiServer, lambda url: Wati(url, "secret", **LIMITS), TEMPLATE),
    "twilio whatsapp": (
        doubles.TwilioServer,
        lambda url: Twilio("AC1", "secret", NUMBERS, url=url, callbacks=CALLBACKS, clock=lambda: NOW, **LIMITS),
        a_delivery(),
    ),
    "twilio template": (
        doubles.TwilioServer,
        lambda url: Twilio("AC1", "secret", NUMBERS, url=url, clock=lambda: NOW, **LIMITS),
        TEMPLATE,
    ),
    "twilio sms": (
        doubles.TwilioServer,
        lambda url: Twilio("AC1", "secret", NUMBERS, url=url, clock=lambda: NOW, **LIMITS),
        a_delivery(Channel.SMS),
    ),
    "gupshup whatsapp": (
        lambda: doubles.gupshup_whatsapp,
        lambda url: GupshupWhatsApp("secret", "DemoApp", "+50322223333", url=url, **LIMITS),
        a_delivery(),
    ),
    "gupshup template": (
        lambda: doubles.gupshup_whatsapp,
        lambda url: GupshupWhatsApp("secret", "DemoApp", "50322223333", url=url, **LIMITS),
        TEMPLATE,
    ),
    "gupshup sms": (
        lambda: doubles.gupshup_sms,
        lambda url: GupshupSms("2000", "secret", None, url=url, **LIMITS),
        a_delivery(Channel.SMS),
    ),
    "manychat messenger": (
        lambda: doubles.manychat,
        lambda url: ManyChat("1:secret", url=url, **LIMITS),
        a_delivery(Channel.MESSENGER, "42"),
    ),
    "manychat instagram": (
        lambda: doubles.manychat,
        lambda url: ManyChat("1:secret", url=url, **LIMITS),
        a_delivery(Channel.INSTAGRAM, "fb_1"),
    ),
    "exotel": (
        lambda: doubles.exotel,
        lambda url: Exotel("posada1", "key", "token", "0804568", "77", url=url, callbacks=CALLBACKS, **LIMITS),
        a_delivery(Channel.VOICE, "50322220000"),
    ),
    "postmark": (
        doubles.PostmarkServer,
        lambda url: Postmark("secret", "reservas@example.com", stream="outbound", url=url, **LIMITS),
        EMAIL,
    ),
}


async def open_provider(name: str, stack: AsyncExitStack) -> Provider:
    make, sender, delivery = PROVIDER_CASES[name]
    double = await stack.enter_async_context(doubles.serving(make()))
    adapter = sender(double.url)
    stack.push_async_callback(adapter.close)
    return Provider(name, double, adapter, delivery)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture(params=PROVIDER_CASES)
async def provider(request: pytest.FixtureRequest, stack: AsyncExitStack) -> Provider:
    return await open_provider(request.param, stack)


async def problem(provider: Provider, delivery: Delivery | None = None) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await provider.sender.send(delivery or provider.delivery)
    return caught.value


async def test_what_it_sends_is_taken(provider: Provider) -> None:
    receipt = await provider.sender.send(provider.delivery)
    assert len(provider.double.accepted) == 1
    assert receipt.provider_id or provider.name.startswith("manychat")


async def test_a_limit_passes_and_says_how_long(provider: Provider) -> None:
    provider.double.instead = lambda _: told(429, b"slow down", **{"Retry-After": "7"})
    found = await problem(provider)
    assert (found.final, found.retry_after) == (False, timedelta(seconds=7))
    assert not found.unsure


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_fault_of_the_server_passes_and_leaves_it_open(provider: Provider, status: int) -> None:
    provider.double.instead = lambda _: told(status, b"<html>oops</html>")
    found = await problem(provider)
    assert (found.final, found.unsure) == (False, True)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_our_own_fault_is_final(provider: Provider, status: int) -> None:
    provider.double.instead = lambda _: told(status, {})
    assert (await problem(provider)).final


async def test_a_page_instead_of_an_answer_passes_and_leaves_it_open(provider: Provider) -> None:
    provider.double.instead = lambda _: told(200, b"<html>We are down</html>")
    found = await problem(provider)
    assert (found.final, found.unsure) == (False, True)


async def test_a_provider_that_hangs_or_hangs_up_may_have_it(provider: Provider) -> None:
    provider.double.instead = lambda _: None
    hung_up = await problem(provider)
    provider.double.seconds = 2
    hanging = await problem(provider)
    assert {(one.final, one.unsure) for one in (hung_up, hanging)} == {(False, True)}


async def test_who_is_not_there_does_not_have_it(provider: Provider) -> None:
    _, make, _ = PROVIDER_CASES[provider.name]
    nobody = make("http://127.0.0.1:1")
    with pytest.raises(CallFailed) as caught:
        await nobody.send(provider.delivery)
    await nobody.close()
    assert (caught.value.final, caught.value.unsure) == (False, False)


async def test_no_problem_quotes_an_address_or_a_word(provider: Provider) -> None:
    secret = provider.delivery.recipient
    provider.double.instead = lambda _: told(400, {"message": "x" * 500})
    found = await problem(provider)
    assert secret not in found.problem
    assert "HR26181" not in found.problem
    assert len(found.problem) < 300


async def nobodys(_: str) -> bool:
    """Whether a message is another delivery's."""
    return False


@pytest.mark.parametrize("name", ["wati", "twilio whatsapp", "twilio sms", "twilio template", "postmark"])
async def test_a_message_that_is_there_is_found_again(name: str, stack: AsyncExitStack) -> None:
    provider = await open_provider(name, stack)
    assert isinstance(provider.sender, Tracer)
    assert await provider.sender.trace(provider.delivery, nobodys) is None
    sent = await provider.sender.send(provider.delivery)
    found = await provider.sender.trace(provider.delivery, nobodys)
    assert found
    assert found.provider_id == sent.provider_id
    changed = replace(
        provider.delivery,
        booking_id=uuid4(),
        content=replace(provider.delivery.content, text="other", template=None),
        form=Form.FREE,
    )
    assert await provider.sender.trace(changed, nobodys) is None


@pytest.mark.parametrize("name", ["wati", "twilio whatsapp"])
async def test_a_closed_window_asks_for_a_template(name: str, stack: AsyncExitStack) -> None:
    provider = await open_provider(name, stack)
    provider.double.handle.window_open = False  # type: ignore[attr-defined]
    found = await problem(provider)
    assert found.window_closed
    assert await provider.sender.send(TEMPLATE)


class TestTwilio:
    async def test_the_report_goes_to_an_address_of_ours(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("twilio whatsapp", stack)
        await provider.sender.send(provider.delivery)
        address = provider.double.accepted[0].form["StatusCallback"]
        assert address.startswith("https://posada.example/webhooks/twilio?t=1772366400&r=")

    async def test_wrong_numbers_are_final_with_twilios_code(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("twilio sms", stack)
        found = await problem(provider, a_delivery(Channel.SMS, "none"))
        assert (found.problem, found.final) == ("HTTP 400: Twilio 21211", True)

    async def test_a_text_that_does_not_fit_is_not_sent(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("twilio sms", stack)
        assert (await problem(provider, a_delivery(Channel.SMS, content=Content("x" * 1601)))).final
        assert provider.double.asked == []


class TestGupshup:
    async def test_the_gateway_answers_its_errors_with_200(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("gupshup sms", stack)
        found = await problem(provider, a_delivery(Channel.SMS, "123"))
        assert (found.problem, found.final) == ("Gupshup 105", True)
        provider.double.instead = lambda _: told(200, b"error | 101 | An unknown exception has occurred. Please retry.")
        assert not (await problem(provider)).final

    async def test_a_message_that_was_not_submitted_is_refused(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("gupshup whatsapp", stack)
        provider.double.instead = lambda _: told(200, {"status": "error", "message": "Invalid Destination"})
        assert (await problem(provider)).problem == "refused: Invalid Destination"


class TestManyChat:
    async def test_a_stranger_is_final_so_that_instagram_follows(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("manychat messenger", stack)
        found = await problem(provider, a_delivery(Channel.MESSENGER, "43"))
        assert (found.problem, found.final) == ("HTTP 400: ManyChat 2011", True)

    async def test_a_long_text_becomes_several(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("manychat instagram", stack)
        text = "\n".join(f"{line}. Junior, código HR{26180 + line}" for line in range(1, 80))
        await provider.sender.send(a_delivery(Channel.INSTAGRAM, "42", content=Content(text)))
        texts = [one["text"] for one in provider.double.accepted[0].json["data"]["content"]["messages"]]
        assert len(texts) > 1
        assert "\n".join(texts) == text

    def test_pieces_lose_no_word(self) -> None:
        text = " ".join(["palabra"] * 100) + "x" * 300
        assert "".join(in_pieces(text, 100)).replace(" ", "") == text.replace(" ", "")
        assert max(map(len, in_pieces(text, 100))) <= 100


class TestPostmark:
    async def test_what_an_email_has(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("postmark", stack)
        await provider.sender.send(EMAIL)
        body = provider.double.accepted[0].json
        assert body["From"] == "Posada del Mar <reservas@example.com>"
        assert (body["Subject"], body["MessageStream"], body["Tag"]) == ("Su reservación", "outbound", "confirmed")
        (calendar,) = body["Attachments"]
        assert b64decode(calendar["Content"]).startswith(b"BEGIN:VCALENDAR")
        assert calendar["ContentType"].startswith("text/calendar")
        assert {"Name": "Message-ID", "Value": f"<{EMAIL.reference}@example.com>"} in body["Headers"]

    @pytest.mark.parametrize(
        ("code", "status", "final"), [(406, 422, True), (300, 422, True), (100, 503, False), (429, 422, False)]
    )
    async def test_error_codes(self, stack: AsyncExitStack, code: int, status: int, final: bool) -> None:
        provider = await open_provider("postmark", stack)
        provider.double.instead = lambda _: told(status, {"ErrorCode": code, "Message": "ana@example.com is inactive"})
        found = await problem(provider)
        assert found.final is final
        assert str(code) in found.problem
        assert "ana@" not in found.problem

    async def test_a_name_cannot_add_headers(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("postmark", stack)
        await provider.sender.send(replace(EMAIL, sender_name="Posada\r\nBcc: all@example.com"))
        assert "\n" not in provider.double.accepted[0].json["From"]


class TestExotel:
    async def test_it_rings_with_the_alert_as_custom_field(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("exotel", stack)
        receipt = await provider.sender.send(provider.delivery)
        form = provider.double.accepted[0].form
        assert (form["From"], form["CustomField"]) == ("+50322220000", str(provider.delivery.reference))
        assert form["StatusCallback"].startswith("https://posada.example/webhooks/exotel?")
        assert receipt.provider_status == "in-progress"


class TestWati:
    async def test_a_number_without_whatsapp_is_refused(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("wati template", stack)
        assert (await problem(provider, replace(TEMPLATE, recipient="123"))).problem == "refused: not a WhatsApp number"

    async def test_a_template_has_its_parameters_by_name(self, stack: AsyncExitStack) -> None:
        provider = await open_provider("wati template", stack)
        receipt = await provider.sender.send(TEMPLATE)
        body = provider.double.accepted[0].json
        assert body["template_name"] == "HXabc"
        assert body["parameters"][1] == {"name": "codes", "value": "HR26181, HR26182"}
        assert isinstance(receipt, Receipt)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("5", 5),
        ("99999", 600),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("soon", 5),
        ("-3", 5),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(given: str, wanted: int) -> None:
    answer = httpx.Response(429, headers={"Retry-After": given})
    assert pause_of(answer, datetime(2026, 3, 1, 12, tzinfo=UTC)) == timedelta(seconds=wanted)


async def test_two_at_once_share_two_connections(stack: AsyncExitStack) -> None:
    provider = await open_provider("postmark", stack)
    await asyncio.gather(*[provider.sender.send(EMAIL) for _ in range(10)])
    assert len(provider.double.accepted) == 10


async def test_a_message_of_the_same_words_that_is_anothers_is_not_taken_for_ours(stack: AsyncExitStack) -> None:
    provider = await open_provider("twilio whatsapp", stack)
    assert isinstance(provider.sender, Tracer)
    others = await provider.sender.send(provider.delivery)

    async def is_anothers(provider_id: str) -> bool:
        return provider_id == others.provider_id

    assert await provider.sender.trace(provider.delivery, is_anothers) is None
    ours = await provider.sender.send(provider.delivery)
    found = await provider.sender.trace(provider.delivery, is_anothers)
    assert found
    assert found.provider_id == ours.provider_id
