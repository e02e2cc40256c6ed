"""The addresses to which providers send delivery reports, dated so that a report cannot be replayed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

from shared.clock import Clock, system_clock
from shared.providers.webhooks import FORBIDDEN, NotGenuine, WebhookCall, same

AHEAD = timedelta(minutes=5)  # how far a sender's clock may be before ours


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Makes `{public_url}/webhooks/{provider}?t=…&r=…&s=…`: t is when it was made, in seconds since 1970, r names the
    message, and s signs both.

    Providers that sign what they send cover the address with their signature; for those that do not, ours shows that
    the address came from us, and it is asked for either way.
    """

    public_url: str
    secret: str
    clock: Clock = system_clock

    def address(self, provider: str, reference: str) -> str:
        """Where a provider reports what became of one message."""
        made = str(int(self.clock().timestamp()))
        query = {"t": made, "r": reference, "s": self.signature(provider, made, reference)}
        return f"{self.public_url.rstrip('/')}/webhooks/{provider}?{urlencode(query)}"

    def signature(self, provider: str, made: str, reference: str) -> str:
        """HMAC-SHA256 over provider, time and message, hexadecimal."""
        return hmac.new(self.secret.encode(), f"{provider}\n{made}\n{reference}".encode(), sha256).hexdigest()

    def check(self, provider: str, call: WebhookCall, now: datetime, window: timedelta) -> None:
        """Let pass a call to an address that we made for this provider and message, within the window.

        Raises:
            NotGenuine: for everything else.
        """
        made, reference, given = (call.query.get(name, "") for name in ("t", "r", "s"))
        if not same(given, self.signature(provider, made, reference)):
            raise NotGenuine("not an address of ours", FORBIDDEN)
        if not in_time(_made_at(made), now, window):
            raise NotGenuine("too old", FORBIDDEN)


def in_time(at: datetime | None, now: datetime, window: timedelta) -> bool:
    """Whether something is neither older than the window nor from the future."""
    return at is not None and now - window <= at <= now + AHEAD


def _made_at(made: str) -> datetime | None:
    """The time in an address, None where it is none."""
    if not (made.isascii() and made.isdigit() and len(made) <= len("9999999999")):
        return None
    return datetime.fromtimestamp(int(made), UTC)
