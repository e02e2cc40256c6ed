"""Postmark's delivery, bounce, spam complaint and open webhooks: JSON, with Basic authentication."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.notifications.providers.report import Report, ReportReader, ReportStatus
from shared.providers.webhooks import NotGenuine, WebhookCall, basic_credentials, same

STATUSES = {
    "Delivery": ReportStatus.DELIVERED,
    "Bounce": ReportStatus.LOST,
    "SpamComplaint": ReportStatus.DELIVERED,  # who complains has it
    "Open": ReportStatus.READ,
}
TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
# Bounces that Postmark itself tries again, or that do not say that the message has not arrived.
SOFT = frozenset(
    {
        "AddressChange",
        "AutoResponder",
        "ChallengeVerification",
        "DnsError",
        "OpenRelayTest",
        "SoftBounce",
        "SpamComplaint",
        "Subscribe",
        "Transient",
        "Unconfirmed",
        "Unsubscribe",
    }
)


class PostmarkReports(ReportReader):
    """`credentials` are the user:password that the webhook was set up with."""

    def __init__(self, credentials: str) -> None:
        self._credentials = credentials

    def check(self, call: WebhookCall, now: datetime, window: timedelta) -> None:
        """Compare the credentials."""
        if not same(basic_credentials(call.headers.get("authorization", "")), self._credentials):
            raise NotGenuine("wrong credentials")

    def read(self, call: WebhookCall, now: datetime) -> list[Report]:
        """A delivery, a bounce, a complaint or a first look."""
        body = call.json
        kind = body["RecordType"]
        status = STATUSES.get(kind)
        if status is None or (kind == "Bounce" and body.get("Type") in SOFT):
            return []
        when = datetime.fromisoformat(next((body[name] for name in TIMES if body.get(name)), ""))
        at = when if when.tzinfo else when.replace(tzinfo=UTC)
        said = str(body.get("Type") or kind)
        problem = f"Postmark: {said}" if status is ReportStatus.LOST else None
        return [Report("postmark", str(body["MessageID"]), status, at, said, problem)]
