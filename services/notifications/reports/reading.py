"""What each provider's delivery report says, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.notifications.reports.model import Fate, Report

TWILIO = {
    "sent": Fate.ON_ITS_WAY,
    "delivered": Fate.DELIVERED,
    "read": Fate.READ,
    "failed": Fate.LOST,
    "undelivered": Fate.LOST,
    "canceled": Fate.LOST,
}
TWILIO_WINDOW = "63016"
EXOTEL = {"completed": Fate.DELIVERED, "failed": Fate.LOST, "busy": Fate.LOST, "no-answer": Fate.LOST}
POSTMARK = {"Delivery": Fate.DELIVERED, "Bounce": Fate.LOST, "SpamComplaint": Fate.LOST, "Open": Fate.READ}
POSTMARK_TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
# Bounces that Postmark itself tries again, or that are not about the message.
POSTMARK_SOFT = frozenset({"Transient", "SoftBounce", "DnsError", "AutoResponder", "ChallengeVerification"})
WATI = {"SENT": Fate.ON_ITS_WAY, "DELIVERED": Fate.DELIVERED, "READ": Fate.READ, "FAILED": Fate.LOST}
GUPSHUP = {
    "enqueued": Fate.ON_ITS_WAY,
    "sent": Fate.ON_ITS_WAY,
    "delivered": Fate.DELIVERED,
    "read": Fate.READ,
    "failed": Fate.LOST,
}
# The guest has not written for a day, in Gupshup's own codes and in Meta's.
GUPSHUP_WINDOW = frozenset({"1004", "1005", "1006", "1007", "1008", "131047", "470"})


def twilio(form: Mapping[str, str], now: datetime) -> list[Report]:
    """A message status callback; it carries no time of its own: that of its address is checked."""
    said, code = form["MessageStatus"], form.get("ErrorCode") or ""
    fate = TWILIO.get(said)
    if fate is None:
        return []
    if code == TWILIO_WINDOW:
        fate = Fate.WINDOW_CLOSED
    return [Report("twilio", form["MessageSid"], fate, now, said, f"Twilio {code}" if code else None)]


def exotel(form: Mapping[str, Any], now: datetime) -> list[Report]:
    """A call that has ended; the time of its address is checked."""
    said = str(form["Status"])
    fate = EXOTEL.get(said)
    lost = said if fate is Fate.LOST else None
    return [Report("exotel", str(form["CallSid"]), fate, now, said, lost)] if fate else []


def postmark(body: Mapping[str, Any]) -> list[Report]:
    """A delivery, a bounce, a complaint or a first look."""
    kind = body["RecordType"]
    fate = POSTMARK.get(kind)
    if fate is None or (kind == "Bounce" and body.get("Type") in POSTMARK_SOFT):
        return []
    when = datetime.fromisoformat(next((body[name] for name in POSTMARK_TIMES if body.get(name)), ""))
    at = when if when.tzinfo else when.replace(tzinfo=UTC)
    problem = f"Postmark: {body.get('Type') or kind}" if fate is Fate.LOST else None
    return [Report("postmark", str(body["MessageID"]), fate, at, str(body.get("Type") or kind), problem)]


def wati(body: Mapping[str, Any], now: datetime) -> list[Report]:
    """A status of a template or session message; incoming messages come by the same door and say nothing of ours."""
    said = str(body.get("statusString") or "")
    fate = WATI.get(said.upper())
    identity = body.get("localMessageId")
    if fate is None or not identity or "essage" not in str(body.get("eventType")):
        return []
    at = _wati_time(body, now)
    detail = str(body.get("failedDetail") or body.get("failedCode") or "")
    closed = fate is Fate.LOST and "131047" in f"{detail} {body.get('failedCode')}"
    fate = Fate.WINDOW_CLOSED if closed else fate
    return [
        Report(
            "wati", str(identity), fate, at, said, f"WATI {body.get('failedCode') or ''}".strip() if detail else None
        )
    ]


def gupshup(body: Mapping[str, Any] | list[Any], now: datetime) -> list[Report]:
    """A message event of WhatsApp, one report of an SMS, or several."""
    if isinstance(body, list):
        return [report for one in body for report in gupshup(one, now)]
    if body.get("type") == "message-event":
        return _whatsapp_event(body)
    if "externalId" in body:
        return _sms_report(body, now)
    return []


def _whatsapp_event(body: Mapping[str, Any]) -> list[Report]:
    payload = body["payload"]
    fate = GUPSHUP.get(payload["type"])
    if fate is None:
        return []
    detail = payload.get("payload") or {}
    code = str(detail.get("code") or "")
    if code in GUPSHUP_WINDOW:
        fate = Fate.WINDOW_CLOSED
    identity = str(payload.get("gsId") or payload["id"])
    problem = f"Gupshup {code}" if code else None
    return [Report("gupshup", identity, fate, _since_1970(body["timestamp"]), payload["type"], problem)]


def _sms_report(body: Mapping[str, Any], now: datetime) -> list[Report]:
    said = str(body.get("eventType") or body.get("status") or "")
    when = body.get("eventTs") or body.get("deliveredTS")
    at = _since_1970(when) if when else now
    cause = str(body.get("cause") or "")
    if said.upper() in ("DELIVERED", "SUCCESS"):
        return [Report("gupshup", str(body["externalId"]), Fate.DELIVERED, at, said)]
    return [Report("gupshup", str(body["externalId"]), Fate.LOST, at, said, f"Gupshup {cause}".strip())]


def _wati_time(body: Mapping[str, Any], now: datetime) -> datetime:
    """The time of the event, in seconds since 1970 as WATI's timestamp has it, else of the message."""
    stamp = str(body.get("timestamp") or "")
    if stamp.isdigit():
        return datetime.fromtimestamp(int(stamp), UTC)
    given = body.get("created")
    if not given:
        return now
    when = datetime.fromisoformat(str(given)[:26].rstrip("Z"))
    return when.replace(tzinfo=UTC)


def _since_1970(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)
