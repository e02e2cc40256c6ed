"""Twilio's message status callbacks: a form, signed by Twilio, to an address of ours."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.report import AddressedReports, Report, ReportStatus
from shared.providers.twilio import is_signed
from shared.providers.webhooks import FORBIDDEN, NotGenuine, WebhookCall

STATUSES = {
    "sent": ReportStatus.ON_ITS_WAY,
    "delivered": ReportStatus.DELIVERED,
    "read": ReportStatus.READ,
    "failed": ReportStatus.LOST,
    "undelivered": ReportStatus.LOST,
    "canceled": ReportStatus.LOST,
}
WINDOW_CLOSED = "63016"


class TwilioReports(AddressedReports):
    """A callback carries no time of its own: that of its address is checked."""

    provider = "twilio"

    def __init__(self, token: str, callbacks: Callbacks) -> None:
        super().__init__(callbacks)
        self._token = token

    def check(self, call: WebhookCall, now: datetime, window: timedelta) -> None:
        """Compare X-Twilio-Signature, then the address."""
        if not is_signed(call, self._token):
            raise NotGenuine("wrong signature", FORBIDDEN)
        super().check(call, now, window)

    def read(self, call: WebhookCall, now: datetime) -> list[Report]:
        """The status of one message."""
        form = dict(call.form)
        said, code = form["MessageStatus"], form.get("ErrorCode") or ""
        status = ReportStatus.WINDOW_CLOSED if code == WINDOW_CLOSED and said in STATUSES else STATUSES.get(said)
        problem = f"Twilio {code}" if code else None
        return [Report(self.provider, form["MessageSid"], status, now, said, problem)] if status else []
