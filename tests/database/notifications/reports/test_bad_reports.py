"""One bad report in a call refuses itself alone, and what is no loss is none."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.delivery.model import Channel
from services.notifications.providers.report import ReportStatus
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.database.notifications.reports.test_webhooks import CALLBACKS, MILLIS, READERS, WINDOW, Gate, posted
from tests.support.builders.notifications import NOW, a_delivery

GUPSHUP = "/webhooks/gupshup?token=gate-token"
DAY_MILLIS = 24 * 60 * 60 * 1000


@pytest.fixture
async def gate(database: Database, relay: OutboxPublisher) -> AsyncIterator[Gate]:
    gate = Gate(database, relay)
    yield gate
    await gate.http.aclose()


def sms(number: str, **changes: Any) -> dict[str, Any]:
    return {"externalId": number, "eventType": "DELIVERED", "eventTs": MILLIS, "cause": "SUCCESS"} | changes


BAD = [
    sms("old", eventTs=MILLIS - 4 * DAY_MILLIS),
    sms("early", eventTs=MILLIS + DAY_MILLIS),
    sms("no time", eventTs="yesterday"),
    sms("endless", eventTs=10**30),
    {"type": "message-event", "payload": {"type": "delivered", "id": "1"}},
    {"type": "message-event", "payload": None, "timestamp": MILLIS},
    {"type": "message-event"},
    "text",
    None,
    ["list"],
]


@pytest.mark.parametrize("bad", BAD, ids=str)
@pytest.mark.parametrize("first", [True, False])
async def test_a_bad_report_keeps_no_other_out(gate: Gate, bad: Any, first: bool) -> None:
    """Case gupshup-batch-one-too-old, and its kind."""
    await gate.sent(a_delivery(Channel.SMS), "gupshup", "fresh")
    batch = [bad, sms("fresh")] if first else [sms("fresh"), bad]
    assert await gate.post(GUPSHUP, b"response=" + json.dumps(batch).encode()) == 204
    await gate.settle()
    assert await gate.statuses() == {"sms": "delivered"}


async def test_a_call_with_bad_reports_alone_is_refused(gate: Gate) -> None:
    assert await gate.post(GUPSHUP, BAD[:2]) == 403
    assert await gate.post(GUPSHUP, BAD[2:]) == 422
    assert await gate.post(GUPSHUP, []) == 204


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "BouncedAt": NOW.isoformat()}, "delivered"),
        ({"RecordType": "SubscriptionChange", "ChangedAt": NOW.isoformat(), "SuppressSending": True}, None),
        ({"RecordType": "Click", "ReceivedAt": NOW.isoformat()}, None),
        ({"RecordType": "Inbound", "Date": "Tue, 3 Mar 2026 10:00:00 +0000"}, None),
        ({"RecordType": "SomethingNew"}, None),
        ({"RecordType": "Bounce", "Type": "Unsubscribe", "BouncedAt": NOW.isoformat()}, None),
        ({"RecordType": "Bounce", "Type": "AutoResponder", "BouncedAt": NOW.isoformat()}, None),
        ({"RecordType": "Bounce", "Type": "HardBounce", "BouncedAt": NOW.isoformat()}, "lost"),
        ({"RecordType": "Bounce", "Type": "Blocked", "BouncedAt": NOW.isoformat()}, "lost"),
    ],
    ids=lambda value: str(value.get("Type", value["RecordType"])) if isinstance(value, dict) else None,
)
def test_postmark_s_other_records_are_no_losses(record: dict[str, Any], status: str | None) -> None:
    reports = READERS["postmark"].read(posted(record | {"MessageID": "id-1"}), NOW)
    assert [one.status for one in reports] == ([ReportStatus(status)] if status else [])


async def test_who_complains_of_spam_has_the_message(gate: Gate) -> None:
    await gate.sent(a_delivery(Channel.EMAIL, "a@b.c"), "postmark")
    proof = {"Authorization": f"Basic {b64encode(b'postmark:secret').decode()}"}
    record = {"RecordType": "SpamComplaint", "MessageID": "id-1", "BouncedAt": NOW.isoformat()}
    assert await gate.post("/webhooks/postmark", record, **proof) == 204
    await gate.settle()
    assert await gate.statuses() == {"email": "delivered"}


@pytest.mark.parametrize("port", ["", ":443"])
async def test_twilio_may_sign_the_address_with_its_port(gate: Gate, port: str) -> None:
    """Case twilio-port-in-signature."""
    sent = a_delivery()
    await gate.sent(sent, "twilio", "SM1")
    address = CALLBACKS.address("twilio", str(sent.reference)).replace(".example/", f".example{port}/")
    assert await gate.twilio(address, MessageSid="SM1", MessageStatus="delivered") == 204
    gate.clock.advance(WINDOW + timedelta(seconds=1))
    assert await gate.twilio(address, MessageSid="SM1", MessageStatus="delivered") == 403
