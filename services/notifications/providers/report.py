"""What providers say later of a message that they took: reports, their proof of origin, and how they are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Protocol
from uuid import UUID

from services.notifications.providers.callbacks import Callbacks
from shared.providers.webhooks import NotGenuine, WebhookCall, same


class ReportStatus(StrEnum):
    """What a provider says of a message, whatever it calls it."""

    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    READ = "read"
    LOST = "lost"
    WINDOW_CLOSED = "window_closed"


@dataclass(frozen=True, slots=True)
class Report:
    """One report: of which message, what, when; `said` and `problem` are the provider's words."""

    provider: str
    provider_id: str
    status: ReportStatus
    at: datetime
    said: str = ""
    problem: str | None = None


class ReportReader(ABC):
    """Lets one provider's reports in and reads them."""

    @abstractmethod
    def check(self, call: WebhookCall, now: datetime, window: timedelta) -> None:
        """Let calls with proof of their origin pass; raises NotGenuine."""

    @abstractmethod
    def read(self, call: WebhookCall, now: datetime) -> list[Report]:
        """What a genuine call reports; raises ValueError, KeyError or TypeError where it cannot be read."""

    def reference(self, call: WebhookCall) -> str | None:
        """The reference of the only message that a call may speak of; None where it may speak of any."""
        return None


class Greeting(Protocol):
    """An address of its own, `path` behind /webhooks, where a provider asks what a call to staff has to say."""

    path: str

    def check(self, call: WebhookCall) -> None:
        """Let calls with proof of their origin pass; raises NotGenuine."""
        ...

    def reference(self, call: WebhookCall) -> UUID:
        """The reference of the message that the call reads out; raises ValueError where it names none."""
        ...


class TokenReports(ReportReader):
    """Reports that show a token of ours, as header X-Posada-Token or parameter token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def check(self, call: WebhookCall, now: datetime, window: timedelta) -> None:
        """Compare the token."""
        check_posada_token(call, self._token)


class AddressedReports(ReportReader):
    """Reports to an address that we made for one message, with its time and our signature in it."""

    provider: ClassVar[str]

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    def check(self, call: WebhookCall, now: datetime, window: timedelta) -> None:
        """Check the address."""
        self._callbacks.check(self.provider, call, now, window)

    def reference(self, call: WebhookCall) -> str | None:
        """The message that the address was made for."""
        return call.query["r"]


def check_posada_token(call: WebhookCall, token: str) -> None:
    """Accept a call that shows our token, as header X-Posada-Token or parameter token; raises NotGenuine."""
    given = call.headers.get("x-posada-token") or call.query.get("token", "")
    if not token or not same(given, token):
        raise NotGenuine("wrong token")


def since_1970(milliseconds: object) -> datetime:
    """A time given as milliseconds since 1970, UTC."""
    return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)
