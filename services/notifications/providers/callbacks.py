"""The addresses that providers are told to report a message's fate to, dated so that a report cannot be replayed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlencode

from shared.clock import Clock, system_clock


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Makes `{public_url}/webhooks/{provider}?t=…&s=…`; t is when it was made, in seconds, and s signs it.

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

    def made_at(self, made: str) -> datetime | None:
        """The time in an address, None where it is none."""
        if not (made.isascii() and made.isdigit() and len(made) <= len("9999999999")):
            return None
        return datetime.fromtimestamp(int(made), UTC)
