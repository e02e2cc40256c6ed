"""Proofs that a webhook comes from whom it says, each compared in constant time."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha1

from services.notifications.providers.callbacks import Callbacks

AHEAD = timedelta(minutes=5)  # how far a sender's clock may be before ours


def same(given: str, wanted: str) -> bool:
    """Whether two texts are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def twilio_signature(token: str, url: str, form: Iterable[tuple[str, str]]) -> str:
    """X-Twilio-Signature: HMAC-SHA1, base64, over the address as it was called and the form's sorted fields."""
    fields = "".join(name + value for name, value in sorted(set(form)))
    digest = hmac.new(token.encode(), (url + fields).encode(), sha1)
    return b64encode(digest.digest()).decode()


def basic_credentials(header: str) -> str:
    """The `user:password` of an Authorization header, empty where there is none."""
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return b64decode(encoded.strip(), validate=True).decode()
    except (Error, ValueError):
        return ""


def in_time(at: datetime | None, now: datetime, window: timedelta) -> bool:
    """Whether something is neither older than the window nor from the future."""
    return at is not None and now - window <= at <= now + AHEAD


def ours(callbacks: Callbacks, provider: str, made: str, reference: str, signature: str) -> bool:
    """Whether an address of a webhook is one that we made for this provider and message."""
    return same(signature, callbacks.signature(provider, made, reference))
