"""Exotel's call status callbacks: a form or JSON, to an address of ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifications.providers.report import AddressedReports, Report, ReportStatus
from shared.providers.webhooks import WebhookCall

STATUSES = {
    "completed": ReportStatus.DELIVERED,
    "failed": ReportStatus.LOST,
    "busy": ReportStatus.LOST,
    "no-answer": ReportStatus.LOST,
}


class ExotelReports(AddressedReports):
    """A call that has ended; the time of its address is checked."""

    provider = "exotel"

    def read(self, call: WebhookCall, now: datetime) -> list[Report]:
        """What became of one call."""
        fields = _fields(call)
        said = str(fields["Status"])
        status = STATUSES.get(said)
        problem = said if status is ReportStatus.LOST else None
        return [Report(self.provider, str(fields["CallSid"]), status, now, said, problem)] if status else []


def _fields(call: WebhookCall) -> Mapping[str, Any]:
    if "json" in call.headers.get("content-type", ""):
        given = call.json
        return given if isinstance(given, dict) else {}
    return dict(call.form)
