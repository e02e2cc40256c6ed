"""Staff's replies and the provider's conversations, against doubles that check as the provider would."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.conversations.providers.twilio.webhook import TwilioWebhook
from shared.contracts.booking import Contact
from tests.database.conversations.test_in_postgres import messages, threads
from tests.support.builders.conversations import NOW, PHONE, SUBSCRIBER, WA_ID, chat, confirmed
from tests.support.doubles.chat_providers import (
    SECRET,
    ManyChatDouble,
    Mishap,
    TwilioDouble,
    WatiDouble,
)
from tests.support.doubles.replies import LEASE, OURS, ReplyService, one_thread
from tests.unit.conversations.inbound.test_webhook_forms import ADDED, form


class TestConversations:
    async def test_a_new_thread_has_a_conversation_with_everybody_in_it(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        await at_twilio.hear(confirmed("101"), chat())
        await at_twilio.go_round()
        thread = await one_thread(at_twilio.database)
        (conversation,) = twilio.conversations.values()
        assert conversation["sid"] == thread["provider_thread_id"]
        assert conversation["unique_name"] == str(thread["id"])
        assert conversation["friendly_name"] == "Ana López · Posada del Mar 101"
        assert twilio.who(conversation["sid"]) == {f"whatsapp:{PHONE}", "recepcion", "bot"}
        twilio.asked.clear()
        await at_twilio.go_round()
        assert twilio.asked == []

    async def test_one_that_twilio_began_is_taken_over_and_named(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        sid = twilio.begun(f"whatsapp:{PHONE}", f"whatsapp:{OURS}")
        await at_twilio.hear(chat(provider="twilio", provider_thread_id=sid, name="Ana"))
        await at_twilio.go_round()
        assert list(twilio.conversations) == [sid]
        assert twilio.conversations[sid]["friendly_name"] == "Ana"
        assert twilio.who(sid) == {f"whatsapp:{PHONE}", "recepcion", "bot"}
        await at_twilio.hear(confirmed("101"))
        await at_twilio.go_round()
        assert twilio.conversations[sid]["friendly_name"] == "Ana López · Posada del Mar 101"

    async def test_of_two_apartments_each_has_its_own_and_the_tenant_is_where_they_speak(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        await at_twilio.hear(confirmed("101", starts=-9, nights=8, at=NOW - timedelta(days=20)))
        await at_twilio.hear(chat(sent_at=NOW - timedelta(days=3)))
        await at_twilio.go_round()
        await at_twilio.hear(confirmed("201", starts=-1, at=NOW - timedelta(days=2)), chat(sent_at=NOW))
        await at_twilio.go_round()
        sids = {thread["room"]: thread["provider_thread_id"] for thread in await threads(at_twilio.database)}
        assert len(set(sids.values())) == 2
        assert [f"whatsapp:{PHONE}" in twilio.who(sids[room]) for room in ("101", "201")] == [False, True]
        await at_twilio.hear(chat(sent_at=NOW - timedelta(days=2, hours=1)))
        answer = await at_twilio.write("201")
        assert answer.status_code == 202
        await at_twilio.go_round()
        assert [one["body"] for one in twilio.messages[sids["201"]]] == ["Claro que sí"]

    @pytest.mark.parametrize("path", ["Conversations", "Participants"])
    @pytest.mark.parametrize("done", [True, False])
    async def test_whatever_is_repeated_makes_no_second(
        self, at_twilio: ReplyService, twilio: TwilioDouble, path: str, done: bool
    ) -> None:
        twilio.mishaps.append(Mishap(path, 503, done=done))
        await at_twilio.hear(chat())
        await at_twilio.go_round()
        await at_twilio.wait_and_go_round()
        (sid,) = twilio.conversations
        assert len(twilio.participants[sid]) == 3
        assert (await one_thread(at_twilio.database))["provider_thread_id"] == sid

    async def test_what_never_works_is_given_up_with_its_reason_and_tried_again_for_a_reply(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        twilio.mishaps += [Mishap("Conversations", 401)]
        await at_twilio.hear(chat())
        await at_twilio.go_round()
        thread = await one_thread(at_twilio.database)
        assert (thread["errand_due_at"], thread["errand_problem"]) == (None, "the conversation: HTTP 401")
        assert (await at_twilio.write()).status_code == 202
        await at_twilio.go_round()
        (sid,) = twilio.conversations
        assert [one["body"] for one in twilio.messages[sid]] == ["Claro que sí"]

    async def test_a_subscriber_has_none(self, at_twilio: ReplyService, twilio: TwilioDouble) -> None:
        await at_twilio.hear(chat(SUBSCRIBER, channel="messenger"))
        await at_twilio.go_round()
        assert twilio.asked == []


class TestReplies:
    async def test_a_reply_is_written_down_sent_once_and_kept_in_its_thread(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        await at_twilio.hear(chat(message_id="question"))
        answer = await at_twilio.write()
        assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
        await at_twilio.go_round()
        again = await at_twilio.write()
        await at_twilio.go_round()
        assert again.json()["id"] == answer.json()["id"]
        ((sent,),) = twilio.messages.values()
        assert (sent["author"], sent["body"]) == ("recepcion", "Claro que sí")
        assert set(await messages(at_twilio.database)) == {"question", sent["sid"]}
        reply = (await at_twilio.http.get(f"/replies/{answer.json()['id']}")).json()
        assert (reply["status"], reply["message_id"], reply["provider"]) == ("sent", sent["sid"], "twilio")

    async def test_a_key_stands_for_one_reply(self, at_home: ReplyService) -> None:
        await at_home.hear(chat())
        await at_home.write(text="Sí")
        assert (await at_home.write(text="No")).status_code == 409
        assert (await at_home.write(text="No", key="k2")).status_code == 202
        answers = await asyncio.gather(*[at_home.write(text="Tal vez", key="k3") for _ in range(5)])
        assert len({answer.json()["id"] for answer in answers}) == 1

    async def test_a_reply_whose_answer_was_lost_is_found_and_not_sent_again(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        await at_twilio.hear(chat())
        await at_twilio.go_round()
        twilio.mishaps.append(Mishap("Messages", 502, done=True))
        await at_twilio.write()
        await at_twilio.go_round()
        await at_twilio.wait_and_go_round()
        ((sent,),) = twilio.messages.values()
        assert sent["sid"] in await messages(at_twilio.database)

    async def test_what_a_crash_left_behind_is_another_instances_when_the_lease_ends(
        self, at_twilio: ReplyService, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await at_twilio.hear(chat())
        await at_twilio.go_round()
        await at_twilio.write()

        async def crash(*_: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr("services.conversations.replies.store.sent", crash)
            assert await at_twilio.replies.run_due(at_twilio.relay) == 1
        assert await at_twilio.another_runner().run_due(at_twilio.relay) == 0
        at_twilio.clock.forward(LEASE)
        assert await at_twilio.another_runner().run_due(at_twilio.relay) == 1
        ((sent,),) = twilio.messages.values()
        assert sent["sid"] in await messages(at_twilio.database)

    async def test_several_instances_send_each_reply_once(self, at_wati: ReplyService, wati: WatiDouble) -> None:
        await at_wati.hear(*[chat(f"5037000000{number}") for number in range(5)])
        for thread in await threads(at_wati.database):
            address = f"/threads/{thread['id']}/replies"
            await at_wati.http.post(address, json={"text": "Hola"}, headers={"Idempotency-Key": "k"})
        await asyncio.gather(*[at_wati.another_runner().run_due(at_wati.relay) for _ in range(4)])
        assert sorted(one["number"] for one in wati.sent) == [f"5037000000{number}" for number in range(5)]

    async def test_our_own_reply_coming_back_as_a_webhook_is_passed_over(
        self, at_twilio: ReplyService, twilio: TwilioDouble
    ) -> None:
        await at_twilio.hear(chat())
        await at_twilio.write()
        await at_twilio.go_round()
        ((sent,),) = twilio.messages.values()
        echo = ADDED | {"Author": "recepcion", "MessageSid": sent["sid"], "Attributes": sent["attributes"]}
        assert TwilioWebhook(SECRET).read(form(echo)) is None

    async def test_replies_of_a_thread_keep_their_order(self, at_wati: ReplyService, wati: WatiDouble) -> None:
        await at_wati.hear(chat())
        wati.mishaps.append(Mishap(WA_ID, 429))
        for number in range(3):
            await at_wati.write(text=f"{number}", key=f"k{number}")
            at_wati.clock.forward(timedelta(milliseconds=1))
        await at_wati.go_round()
        assert wati.sent == []
        await at_wati.wait_and_go_round()
        assert [one["text"] for one in wati.sent] == ["0", "1", "2"]

    async def test_wati_is_asked_as_it_wants_to_be(self, at_wati: ReplyService, wati: WatiDouble) -> None:
        await at_wati.hear(chat(provider="wati"))
        answer = await at_wati.write(text="¿Dos & tres?")
        await at_wati.go_round()
        reference = f"posada-{answer.json()['id']}"
        assert wati.sent == [{"number": WA_ID, "text": "¿Dos & tres?", "reference": reference}]
        assert "wamid.1" in await messages(at_wati.database)

    async def test_what_the_provider_refuses_has_failed_with_the_reason(
        self, at_wati: ReplyService, wati: WatiDouble
    ) -> None:
        wati.window = False
        await at_wati.hear(chat())
        await at_wati.write()
        await at_wati.go_round()
        await at_wati.wait_and_go_round()
        assert len(wati.asked) == 1
        thread = await one_thread(at_wati.database)
        (reply,) = (await at_wati.http.get(f"/threads/{thread['id']}/replies")).json()
        assert (reply["status"], reply["problem"]) == ("failed", "refused: Ticket has been expired.")
        assert len(await messages(at_wati.database)) == 1

    async def test_a_provider_that_stays_away_is_given_up(self, at_wati: ReplyService, wati: WatiDouble) -> None:
        await at_wati.hear(chat())
        answer = await at_wati.write()
        wati.mishaps += [Mishap(WA_ID, 500) for _ in range(6)]
        for _ in range(8):
            await at_wati.wait_and_go_round()
        reply = (await at_wati.http.get(f"/replies/{answer.json()['id']}")).json()
        assert (reply["status"], reply["attempts"], len(wati.asked)) == ("failed", 6, 6)

    @pytest.mark.parametrize(("channel", "kind"), [("messenger", None), ("instagram", "instagram")])
    async def test_a_subscriber_is_written_to_by_its_id_even_when_the_phone_is_known(
        self, at_manychat: ReplyService, manychat: ManyChatDouble, channel: str, kind: str | None
    ) -> None:
        await at_manychat.hear(chat("1234567890", channel=channel))
        await at_manychat.hear(confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id="1234567890")))
        await at_manychat.write("101")
        await at_manychat.go_round()
        assert manychat.sent == [(1234567890, kind, "Claro que sí")]

    async def test_without_a_provider_a_reply_stays_in_the_house(self, at_home: ReplyService) -> None:
        await at_home.hear(chat())
        answer = await at_home.write()
        await at_home.go_round()
        assert f"local-{answer.json()['id']}" in await messages(at_home.database)
