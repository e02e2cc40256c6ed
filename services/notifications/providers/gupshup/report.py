"""Gupshup's message events of WhatsApp and delivery reports of SMS: JSON or a query that shows our token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifications.providers.report import Report, ReportStatus, TokenReports, since_1970
from shared.providers.webhooks import WebhookCall

STATUSES = {
    "enqueued": ReportStatus.ON_ITS_WAY,
    "sent": ReportStatus.ON_ITS_WAY,
    "delivered": ReportStatus.DELIVERED,
    "read": ReportStatus.READ,
    "failed": ReportStatus.LOST,
}
# The guest has not written for a day, in Gupshup's own codes and in Meta's.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError)
WINDOW_CLOSED = frozenset({"1004", "1005", "1006", "1007", "1008", "131047", "470"})


class GupshupReports(TokenReports):
    """One event, one report, or several in a list."""

    def read(self, call: WebhookCall, now: datetime) -> list[Report]:
        """A report of an SMS may come as a query without a body."""
        if not call.body:
            return read(call.query, now)
        given = json.loads(call.body.decode("utf-8", "replace").removeprefix("response="))
        if not isinstance(given, dict | list):
            raise ValueError("neither an object nor a list")  # noqa: TRY004 — of the body, not of ours
        return read(given, now)


def read(body: Mapping[str, Any] | list[Any], now: datetime) -> list[Report]:
    """The reports in a body. One of a list that cannot be read keeps no other out; if none can, it raises."""
    if isinstance(body, list):
        return _readable(body, now)
    if body.get("type") == "message-event":
        return _whatsapp_event(body)
    if "externalId" in body:
        return _sms_report(body, now)
    return []


def _readable(bodies: list[Any], now: datetime) -> list[Report]:
    reports: list[Report] = []
    faults: list[Exception] = []
    for one in bodies:
        try:
            if not isinstance(one, dict):
                raise ValueError("no object")  # noqa: TRY004 — of the body, not of ours
            reports += read(one, now)
        except UNREADABLE as fault:
            faults.append(fault)
    if faults and len(faults) == len(bodies):
        raise faults[0]
    return reports


def _whatsapp_event(body: Mapping[str, Any]) -> list[Report]:
    payload = body["payload"]
    status = STATUSES.get(payload["type"])
    if status is None:
        return []
    code = str((payload.get("payload") or {}).get("code") or "")
    if code in WINDOW_CLOSED:
        status = ReportStatus.WINDOW_CLOSED
    identity = str(payload.get("gsId") or payload["id"])
    problem = f"Gupshup {code}" if code else None
    return [Report("gupshup", identity, status, since_1970(body["timestamp"]), payload["type"], problem)]


def _sms_report(body: Mapping[str, Any], now: datetime) -> list[Report]:
    identity, said = str(body["externalId"]), str(body.get("eventType") or body.get("status") or "")
    when = body.get("eventTs") or body.get("deliveredTS")
    at = since_1970(when) if when else now
    if said.upper() in ("DELIVERED", "SUCCESS"):
        return [Report("gupshup", identity, ReportStatus.DELIVERED, at, said)]
    problem = f"Gupshup {body.get('cause') or ''}".strip()
    return [Report("gupshup", identity, ReportStatus.LOST, at, said, problem)]
