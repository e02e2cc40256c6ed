"""Delivery reports: who is let in, what they change, and that they come in any order and as often as they like."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import Channel, Content, Delivery, Form, Status, Template
from services.notifications.providers.callbacks import Callbacks, in_time
from services.notifications.providers.exotel.greeting import ExotelGreeting
from services.notifications.providers.port import Receipt, Setup
from services.notifications.providers.registry import PROVIDERS
from services.notifications.providers.report import Report, ReportStatus
from services.notifications.reports.api import ReportReceiver, router
from services.notifications.reports.model import after_report
from services.notifications.repository import Repository, UnitOfWork
from shared.database.pool import Database
from shared.jobs.wake import WakeSignal
from shared.outbox.publisher import OutboxPublisher
from shared.providers.twilio import signature as twilio_signature
from shared.providers.webhooks import WebhookCall, basic_credentials
from tests.support.builders.notifications import NOW, a_composer, a_delivery
from tests.support.doubles.senders import MovableClock, ScriptedSender

WINDOW = timedelta(hours=72)
CALLBACKS = Callbacks("https://posada.example", "callback-secret", clock=lambda: NOW)
SECRETS: Any = SimpleNamespace(twilio_token=SecretStr("12345"), postmark_webhook=SecretStr("postmark:secret"))
SETUP = Setup({}, CALLBACKS, "gate-token")
READERS = {one.name: reader for one in PROVIDERS if one.reports and (reader := one.reports(SECRETS, SETUP))}
MILLIS = int(NOW.timestamp() * 1000)


def posted(body: Any) -> WebhookCall:
    return WebhookCall("https://posada.example", {}, {}, json.dumps(body).encode())


class Gate:
    """The webhooks over HTTP, and the deliveries behind them."""

    def __init__(self, database: Database, relay: OutboxPublisher) -> None:
        self.clock = MovableClock()
        self.database = database
        self.relay = relay
        self.repository = Repository(a_composer(local=()))
        public, wake = CALLBACKS.public_url, WakeSignal()
        receiver = ReportReceiver(
            database, self.repository, READERS, public_url=public, window=WINDOW, wake=wake, clock=self.clock
        )
        app = FastAPI()
        app.include_router(router(receiver, PROVIDERS, {"exotel": ExotelGreeting("gate-token")}))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://posada.example")

    async def sent(self, delivery: Delivery, provider: str, provider_id: str | None = "id-1") -> None:
        """A delivery that a provider has taken."""
        async with self.database.transaction() as connection:
            await self.repository.save(connection, UnitOfWork(a_composer(local=()), [delivery]), NOW)
        sender = ScriptedSender(Receipt(provider_id, "accepted"))
        sender.name = provider
        await self.settle(sender, delivery.channel)

    async def settle(self, sender: ScriptedSender | None = None, channel: Channel | None = None) -> ScriptedSender:
        """Let a runner do what is due."""
        used = sender or ScriptedSender()
        senders = {channel: used} if channel else dict.fromkeys(Channel, used)
        runner = delivery_runner(
            self.database,
            self.repository,
            a_composer(local=()),
            senders,
            at_once=5,
            send_seconds=5,
            lease=timedelta(seconds=60),
            clock=self.clock,
        )
        while await runner.run_due(self.relay):
            pass
        return used

    async def statuses(self) -> dict[str, str]:
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT channel, status FROM deliveries")
        return {row["channel"]: row["status"] for row in rows}

    async def post(self, path: str, body: Any, **headers: str) -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return (await self.http.post(path, content=raw, headers=headers)).status_code

    async def twilio(self, url: str, secret: str = "12345", altered: str = "", **form: str) -> int:  # noqa: S107
        body = urlencode(form)
        signature = twilio_signature(secret, url, list(form.items()))
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        return (await self.http.post(url, content=body + altered, headers=headers)).status_code


@pytest.fixture
async def gate(database: Database, relay: OutboxPublisher) -> AsyncIterator[Gate]:
    gate = Gate(database, relay)
    yield gate
    await gate.http.aclose()


def test_every_provider_that_reports_has_its_reader_here() -> None:
    assert READERS.keys() == {one.name for one in PROVIDERS if one.reports}


class TestProofs:
    def test_twilios_own_example(self) -> None:
        form = {
            "CallSid": "CA1234567890ABCDE",
            "Caller": "+14158675309",
            "Digits": "1234",
            "From": "+14158675309",
            "To": "+18005551212",
        }
        url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        assert twilio_signature("12345", url, form.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        assert twilio_signature("12345", url, reversed(form.items())) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        assert twilio_signature("12346", url, form.items()) != "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        assert twilio_signature("12345", url + "1", form.items()) != "RSOYDt4T1cUTdK1PDd93/VVr8B8="

    def test_the_example_of_basic_authentication_in_its_rfc(self) -> None:
        assert basic_credentials("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == "Aladdin:open sesame"

    @pytest.mark.parametrize("header", ["", "Bearer x", "Basic", "Basic ***", "Basic /////w=="])
    def test_what_is_no_credential_is_none(self, header: str) -> None:
        assert basic_credentials(header) == ""

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_an_address_is_good_for_one_provider_time_and_message(self, made: str, reference: str) -> None:
        right = CALLBACKS.signature("exotel", "1", "r")
        assert (CALLBACKS.signature("exotel", made, reference) == right) is ((made, reference) == ("1", "r"))
        assert CALLBACKS.signature("twilio", "1", "r") != right

    @pytest.mark.parametrize(("hours", "wanted"), [(0, True), (-72, True), (-73, False), (1, False)])
    def test_the_replay_window_has_two_ends(self, hours: int, wanted: bool) -> None:
        assert in_time(NOW + timedelta(hours=hours), NOW, WINDOW) is wanted
        assert not in_time(None, NOW, WINDOW)


class TestTwilio:
    FORM: ClassVar = {"MessageSid": "SM1", "MessageStatus": "delivered"}

    async def test_a_signed_report_is_taken(self, gate: Gate) -> None:
        sent = a_delivery()
        await gate.sent(sent, "twilio", "SM1")
        assert await gate.twilio(CALLBACKS.address("twilio", str(sent.reference)), **self.FORM) == 204
        await gate.settle()
        assert await gate.statuses() == {"whatsapp": "delivered"}

    async def test_a_wrong_secret_an_altered_body_another_address(self, gate: Gate) -> None:
        await gate.sent(a_delivery(), "twilio", "SM1")
        address = CALLBACKS.address("twilio", "r")
        forged = address.replace("&r=r", "&r=s")
        assert await gate.twilio(address, secret="wrong", **self.FORM) == 403
        assert await gate.twilio(address, altered="&ErrorCode=1", **self.FORM) == 403
        assert await gate.twilio(forged, **self.FORM) == 403
        assert await gate.twilio("https://posada.example/webhooks/twilio", **self.FORM) == 403
        assert (await gate.http.post(address, data=self.FORM)).status_code == 403
        await gate.settle()
        assert await gate.statuses() == {"whatsapp": "sent"}

    async def test_an_old_address_is_refused_however_well_it_is_signed(self, gate: Gate) -> None:
        address = CALLBACKS.address("twilio", "r")
        gate.clock.advance(WINDOW + timedelta(seconds=1))
        assert await gate.twilio(address, **self.FORM) == 403

    async def test_an_undelivered_message_goes_to_the_next_channel(self, gate: Gate) -> None:
        booking = uuid4()
        async with gate.database.transaction() as connection:
            sms = a_delivery(Channel.SMS, booking_id=booking, place=2, status=Status.STANDBY)
            await gate.repository.save(connection, UnitOfWork(a_composer(local=()), [sms]), NOW)
        sent = a_delivery(booking_id=booking, place=1)
        await gate.sent(sent, "twilio", "SM1")
        lost = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "63024"}
        assert await gate.twilio(CALLBACKS.address("twilio", str(sent.reference)), **lost) == 204
        await gate.settle()
        assert await gate.statuses() == {"whatsapp": "failed", "sms": "sent"}

    async def test_a_window_that_had_closed_sends_the_template(self, gate: Gate) -> None:
        template = Template("HX1", "es", (("guest", "Ana"),))
        sent = a_delivery(content=Content("hola", template=template), form=Form.FREE)
        await gate.sent(sent, "twilio", "SM1")
        async with gate.database.connection() as connection:
            await connection.execute("UPDATE deliveries SET form = 'free'")
        lost = {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "63016"}
        await gate.twilio(CALLBACKS.address("twilio", str(sent.reference)), **lost)
        sender = await gate.settle()
        assert [one.form for one in sender.sent] == [Form.TEMPLATE]
        assert await gate.statuses() == {"whatsapp": "sent"}


class TestPostmark:
    BODY: ClassVar = {"RecordType": "Delivery", "MessageID": "id-1", "DeliveredAt": NOW.isoformat()}

    async def test_credentials_decide(self, gate: Gate) -> None:
        await gate.sent(a_delivery(Channel.EMAIL, "a@b.c"), "postmark")
        right, wrong = (b64encode(one).decode() for one in (b"postmark:secret", b"postmark:wrong"))
        assert await gate.post("/webhooks/postmark", self.BODY) == 401
        assert await gate.post("/webhooks/postmark", self.BODY, Authorization=f"Basic {wrong}") == 401
        assert await gate.post("/webhooks/postmark", self.BODY, Authorization=f"Basic {right}") == 204
        await gate.settle()
        assert await gate.statuses() == {"email": "delivered"}

    async def test_an_old_report_is_refused(self, gate: Gate) -> None:
        right = b64encode(b"postmark:secret").decode()
        old = self.BODY | {"DeliveredAt": (NOW - WINDOW - timedelta(hours=1)).isoformat()}
        assert await gate.post("/webhooks/postmark", old, Authorization=f"Basic {right}") == 403

    async def test_only_a_hard_bounce_is_a_loss(self) -> None:
        bounce = {"RecordType": "Bounce", "MessageID": "1", "BouncedAt": NOW.isoformat(), "Email": "ana@example.com"}
        reader = READERS["postmark"]
        assert reader.read(posted(bounce | {"Type": "Transient"}), NOW) == []
        (report,) = reader.read(posted(bounce | {"Type": "HardBounce"}), NOW)
        assert (report.status, report.problem) == (ReportStatus.LOST, "Postmark: HardBounce")


class TestTokens:
    WATI: ClassVar = {
        "eventType": "sentMessageREAD_v2",
        "statusString": "Read",
        "localMessageId": "id-1",
        "timestamp": str(int(NOW.timestamp())),
    }
    GUPSHUP: ClassVar = {
        "app": "DemoApp",
        "timestamp": MILLIS,
        "version": 2,
        "type": "message-event",
        "payload": {"id": "id-1", "type": "delivered", "destination": "50371234567", "payload": {"ts": 1}},
    }

    @pytest.mark.parametrize(("path", "body"), [("/webhooks/wati", WATI), ("/webhooks/gupshup", GUPSHUP)])
    async def test_the_token_decides(self, gate: Gate, path: str, body: Any) -> None:
        await gate.sent(a_delivery(), path.rpartition("/")[2])
        assert await gate.post(path, body) == 401
        assert await gate.post(f"{path}?token=wrong", body) == 401
        assert await gate.post(path, body, **{"X-Posada-Token": "gate-token"}) == 204
        await gate.settle()
        assert (await gate.statuses())["whatsapp"] in ("delivered", "read")

    async def test_an_old_event_is_refused(self, gate: Gate) -> None:
        gate.clock.advance(WINDOW + timedelta(minutes=1))
        for path, body in (("/webhooks/wati", self.WATI), ("/webhooks/gupshup", self.GUPSHUP)):
            assert await gate.post(f"{path}?token=gate-token", body) == 403

    async def test_sms_reports_come_in_batches_or_as_a_query(self, gate: Gate) -> None:
        await gate.sent(a_delivery(Channel.SMS), "gupshup", "3562-1")
        batch = [{"externalId": "3562-1", "eventType": "DELIVERED", "eventTs": MILLIS, "cause": "SUCCESS"}]
        assert await gate.post("/webhooks/gupshup?token=gate-token", b"response=" + json.dumps(batch).encode()) == 204
        query = {"token": "gate-token", "externalId": "9", "status": "FAIL", "deliveredTS": MILLIS, "cause": "ABSENT"}
        assert (await gate.http.get("/webhooks/gupshup", params=query)).status_code == 204
        await gate.settle()
        assert await gate.statuses() == {"sms": "delivered"}

    def test_gupshups_code_for_a_closed_window(self) -> None:
        failed = self.GUPSHUP | {
            "payload": {"id": "w", "gsId": "g", "type": "failed", "payload": {"code": 1005, "reason": "x"}}
        }
        (report,) = READERS["gupshup"].read(posted(failed), NOW)
        assert (report.provider_id, report.status) == ("g", ReportStatus.WINDOW_CLOSED)


class TestExotel:
    async def test_a_call_that_nobody_took_is_lost(self, gate: Gate) -> None:
        call = a_delivery(Channel.VOICE, "50322220000")
        await gate.sent(call, "exotel", "call-1")
        address = CALLBACKS.address("exotel", str(call.reference))
        form = {"CallSid": "call-1", "Status": "no-answer"}
        assert (await gate.http.post(address.replace("s=", "s=0"), data=form)).status_code == 403
        assert (await gate.http.post(address, data=form)).status_code == 204
        await gate.settle()
        assert await gate.statuses() == {"voice": "failed"}

    async def test_the_address_of_one_message_says_nothing_of_another(self, gate: Gate) -> None:
        """Who has seen one address, in a log of a proxy's, must not call off the calls that staff wait for."""
        await gate.sent(a_delivery(Channel.VOICE, "50322220000"), "exotel", "call-1")
        await gate.sent(a_delivery(Channel.SMS), "twilio", "SM1")
        another = str(a_delivery(Channel.VOICE, "50322229999").reference)
        form = {"CallSid": "call-1", "Status": "completed"}
        assert (await gate.http.post(CALLBACKS.address("exotel", another), data=form)).status_code == 403
        assert await gate.twilio(CALLBACKS.address("twilio", another), **TestTwilio.FORM) == 403
        await gate.settle()
        assert await gate.statuses() == {"voice": "sent", "sms": "sent"}

    async def test_the_greeting_reads_out_the_alert_to_who_shows_the_token(self, gate: Gate) -> None:
        call = a_delivery(Channel.VOICE, "50322220000", content=Content("El pago no aparece."))
        await gate.sent(call, "exotel", "call-1")
        path, wanted = "/webhooks/exotel/greeting", {"CustomField": str(call.reference)}
        assert (await gate.http.get(path, params=wanted)).status_code == 401
        answer = await gate.http.get(path, params=wanted | {"token": "gate-token"})
        assert (answer.text, answer.headers["content-type"].partition(";")[0]) == ("El pago no aparece.", "text/plain")
        for other, code in ((str(uuid4()), 404), ("x", 422)):
            query = {"CustomField": other, "token": "gate-token"}
            assert (await gate.http.get(path, params=query)).status_code == code


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b"\xff", b'{"RecordType": "Delivery"}', b"null", b"[" * 90_000]
)
async def test_what_nobody_can_read_changes_nothing_and_breaks_nothing(gate: Gate, body: bytes) -> None:
    right = b64encode(b"postmark:secret").decode()
    answers = [
        await gate.post("/webhooks/postmark", body, Authorization=f"Basic {right}"),
        await gate.post("/webhooks/wati?token=gate-token", body),
        await gate.post("/webhooks/gupshup?token=gate-token", body),
        await gate.post(CALLBACKS.address("exotel", "r"), body),
    ]
    assert set(answers) <= {204, 422}


async def test_a_huge_body_is_not_read(gate: Gate) -> None:
    assert await gate.post("/webhooks/wati?token=gate-token", b"x" * 300_000) == 413


async def test_a_report_that_overtakes_our_own_commit_is_kept_for_it(gate: Gate) -> None:
    async with gate.database.transaction() as connection:
        early = Report("twilio", "SM1", ReportStatus.DELIVERED, NOW, "delivered")
        await gate.repository.take_reports(connection, [early, early], NOW)
    await gate.settle()
    await gate.sent(a_delivery(), "twilio", "SM1")
    await gate.settle()
    assert await gate.statuses() == {"whatsapp": "delivered"}


STATUSES = st.lists(st.sampled_from(ReportStatus), max_size=6)


@given(STATUSES, st.sampled_from(Form), st.booleans())
def test_reports_in_any_order_and_number_end_alike(
    reported: list[ReportStatus], form: Form, has_template: bool
) -> None:
    def end(order: list[ReportStatus]) -> tuple[Status, Form]:
        status, kept = Status.SENT, form
        for one in order:
            after = after_report(status, kept, one, has_template=has_template)
            status, kept = after.status, after.form
        return status, kept

    status, _ = end(reported)
    assert end(reported + reported)[0] is status or status is Status.PENDING
    if not {ReportStatus.LOST, ReportStatus.WINDOW_CLOSED} & set(reported):
        assert end(reported) == end(list(reversed(reported)))
    if ReportStatus.READ in reported and reported[0] not in (ReportStatus.LOST, ReportStatus.WINDOW_CLOSED):
        assert status is not Status.SENT
