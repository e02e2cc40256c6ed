"""WhatsApp over HTTP, against a server that checks what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.notifications.delivery.model import Content, Delivery
from services.notifications.providers.wati.sender import Wati
from shared.errors import CallFailed
from tests.support.builders.notifications import a_delivery
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.senders import WatiDouble, wati_double


@pytest.fixture
async def wati_server() -> AsyncIterator[WatiDouble]:
    async with wati_double() as double:
        yield double


@pytest.fixture
async def wati(wati_server: WatiDouble) -> AsyncIterator[Wati]:
    sender = Wati(wati_server.url, "secret", seconds=2, connections=2, allowed=LOOPBACK)
    yield sender
    await sender.close()


async def test_a_message_is_one_post_with_the_text_in_its_query(wati: Wati, wati_server: WatiDouble) -> None:
    delivery = a_delivery()
    receipt = await wati.send(delivery)
    (request,) = wati_server.requests
    assert request["method"] == "POST"
    assert request["path"] == "/tenant-7/api/v1/sendSessionMessage/50371234567"
    assert request["query"] == {
        "messageText": ["¡Hola! Código HR26181 & más"],
        "localMessageId": [str(delivery.reference)],
    }
    assert request["headers"]["authorization"] == "Bearer secret"
    assert receipt.provider_id == "wamid.1"


async def test_a_repetition_carries_the_same_reference(wati: Wati, wati_server: WatiDouble) -> None:
    for _ in range(2):
        await wati.send(a_delivery())
    assert len({str(request["query"]["localMessageId"]) for request in wati_server.requests}) == 1


async def test_a_token_may_come_with_its_word(wati_server: WatiDouble) -> None:
    sender = Wati(wati_server.url + "/", "Bearer secret", seconds=2, connections=1, allowed=LOOPBACK)
    await sender.send(a_delivery())
    await sender.close()
    assert wati_server.requests[0]["headers"]["authorization"] == "Bearer secret"
    assert wati_server.requests[0]["path"].startswith("/tenant-7/api/")


async def problem(wati: Wati, delivery: Delivery | None = None) -> tuple[str, bool]:
    with pytest.raises(CallFailed) as caught:
        await wati.send(delivery or a_delivery())
    return caught.value.problem, caught.value.final


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"result": False, "info": "Invalid Contact"}, "refused: Invalid Contact"),
        ({"result": False, "message": "Ticket has been expired."}, "refused: Ticket has been expired."),
        ({"result": False, "info": "No contact +503 7123-4567"}, "refused: No contact ***4567"),
        ({"result": False, "info": "50371234567 or ana@example.com"}, "refused: ***4567 or a***@example.com"),
        ({"result": False}, "refused: no reason given"),
        ({}, "refused: no reason given"),
    ],
)
async def test_a_false_result_is_final(wati: Wati, wati_server: WatiDouble, body: Any, reason: str) -> None:
    wati_server.body = body
    assert await problem(wati) == (reason, True)


@pytest.mark.parametrize(("status", "final"), [(400, True), (401, True), (404, True), (429, False), (503, False)])
async def test_errors_are_final_or_passing_by_their_status(
    wati: Wati, wati_server: WatiDouble, status: int, final: bool
) -> None:
    wati_server.status = status
    assert await problem(wati) == (f"HTTP {status}", final)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]"])
async def test_what_is_no_answer_may_pass(wati: Wati, wati_server: WatiDouble, body: bytes) -> None:
    wati_server.body = body
    assert await problem(wati) == ("the answer is not a JSON object", False)


async def test_nobody_there_may_pass() -> None:
    sender = Wati("http://127.0.0.1:1", "secret", seconds=1, connections=1, allowed=LOOPBACK)
    assert await problem(sender) == ("ConnectError", False)
    await sender.close()


async def test_a_text_that_whatsapp_does_not_take_is_not_sent(wati: Wati, wati_server: WatiDouble) -> None:
    _, final = await problem(wati, a_delivery(content=Content("x" * 4097)))
    assert final
    assert wati_server.requests == []


async def test_an_answer_without_an_id_is_still_one(wati: Wati, wati_server: WatiDouble) -> None:
    wati_server.body = {"result": True}
    assert (await wati.send(a_delivery())).provider_id is None
