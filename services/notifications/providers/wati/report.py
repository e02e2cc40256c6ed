"""WATI's status webhooks: JSON that shows our token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.notifications.providers.report import Report, ReportStatus, TokenReports
from shared.providers.webhooks import WebhookCall

STATUSES = {
    "SENT": ReportStatus.ON_ITS_WAY,
    "DELIVERED": ReportStatus.DELIVERED,
    "READ": ReportStatus.READ,
    "FAILED": ReportStatus.LOST,
}
WINDOW_CLOSED = "131047"


class WatiReports(TokenReports):
    """A status of a template or session message; incoming messages come here too and say nothing of ours."""

    def read(self, call: WebhookCall, now: datetime) -> list[Report]:
        """The status of one message."""
        body = call.json
        said = str(body.get("statusString") or "")
        status, identity = STATUSES.get(said.upper()), body.get("localMessageId")
        if status is None or not identity or "essage" not in str(body.get("eventType")):
            return []
        code = body.get("failedCode")
        detail = str(body.get("failedDetail") or code or "")
        if status is ReportStatus.LOST and WINDOW_CLOSED in f"{detail} {code}":
            status = ReportStatus.WINDOW_CLOSED
        problem = f"WATI {code or ''}".strip() if detail else None
        return [Report("wati", str(identity), status, _time(body, now), said, problem)]


def _time(body: Mapping[str, Any], now: datetime) -> datetime:
    """The time of the event, in seconds since 1970 as WATI's timestamp has it, else of the message."""
    stamp = str(body.get("timestamp") or "")
    if stamp.isdigit():
        return datetime.fromtimestamp(int(stamp), UTC)
    given = body.get("created")
    return datetime.fromisoformat(str(given)[:26].rstrip("Z")).replace(tzinfo=UTC) if given else now
