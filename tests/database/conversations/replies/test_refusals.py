"""Replies that are refused, with the reason and nothing sent."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import httpx
from fastapi import FastAPI

from services.conversations.replies import api as answering
from services.conversations.settings import Settings
from shared.jobs.wake import WakeSignal
from tests.support.builders.conversations import NOW, SUBSCRIBER, chat, confirmed
from tests.support.doubles.replies import ReplyService, one_thread


class TestRefusals:
    async def test_a_day_after_the_tenants_last_message_only_a_template_may_be_sent(
        self, at_home: ReplyService
    ) -> None:
        await at_home.hear(chat(sent_at=NOW - timedelta(hours=23, minutes=58)))
        assert (await at_home.write()).status_code == 202
        at_home.clock.forward(timedelta(minutes=1, seconds=30))  # what is left is for the way
        answer = await at_home.write(key="k2")
        assert (answer.status_code, answer.json()["error"]["reason"]) == (422, "window_closed")

    async def test_what_the_tenant_wrote_in_another_thread_opens_the_window_too(self, at_home: ReplyService) -> None:
        await at_home.hear(confirmed("101", starts=-20, nights=9, at=NOW - timedelta(days=30)))
        await at_home.hear(chat(sent_at=NOW - timedelta(days=15)))
        await at_home.hear(confirmed("201", starts=-1, at=NOW - timedelta(days=3)), chat(sent_at=NOW))
        assert (await at_home.write("101")).status_code == 202

    async def test_a_late_older_message_closes_no_window(self, at_home: ReplyService) -> None:
        await at_home.hear(chat(sent_at=NOW), chat(sent_at=NOW - timedelta(days=2)))
        assert (await at_home.write()).status_code == 202

    async def test_a_text_that_the_provider_would_not_take(self, at_manychat: ReplyService) -> None:
        await at_manychat.hear(chat(SUBSCRIBER, channel="messenger"))
        answer = await at_manychat.write(text="a" * 1001)
        assert answer.json()["error"] == {
            "reason": "text_too_long",
            "text": "text: it has 1001 characters; send at most 1000",
            "details": {"longest": 1000},
        }

    async def test_a_closed_thread(self, at_home: ReplyService) -> None:
        await at_home.hear(chat())
        async with at_home.database.connection() as connection:
            await connection.execute("UPDATE threads SET closed_at = now()")
        assert (await at_home.write()).status_code == 409

    async def test_what_is_not_there(self, at_home: ReplyService) -> None:
        address, headers = f"/threads/{uuid4()}/replies", {"Idempotency-Key": "k"}
        assert (await at_home.http.post(address, json={"text": "Hola"}, headers=headers)).status_code == 404
        assert (await at_home.http.get(f"/replies/{uuid4()}")).status_code == 404

    async def test_a_reply_without_a_key_or_words(self, at_home: ReplyService) -> None:
        await at_home.hear(chat())
        address = f"/threads/{(await one_thread(at_home.database))['id']}/replies"
        assert (await at_home.http.post(address, json={"text": "Hola"})).status_code == 422
        assert (await at_home.write(text="  ")).status_code == 422

    async def test_nobody_may_write_where_no_token_is_set(self, at_home: ReplyService) -> None:
        app = FastAPI()
        app.include_router(answering.router(at_home.database, at_home.providers, WakeSignal(), Settings(), lambda: NOW))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as http:
            answer = await http.post(f"/threads/{uuid4()}/replies", json={"text": "Hola"})
        assert answer.status_code == 403
