"""Signed links: an address that opens one thing without a login, until it expires."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from pydantic import SecretStr

LEAST_KEY = 32  # characters
_PURPOSE = b"signed link 1\0"  # so that the same key signs nothing else that could be taken for a link
_SUBJECT, _EXPIRY, _PROOF = 16, 5, 16  # bytes


class LinkRefused(Exception):
    """A link that opens nothing; the text says why, and nothing that helps to forge one."""


class SignedLinks:
    """Makes and reads links under one address. The same thing with the same end has the same link.

    Raises:
        ValueError: for a key that could be guessed from a link.
    """

    def __init__(self, address: str, key: SecretStr) -> None:
        if len(key.get_secret_value()) < LEAST_KEY:
            raise ValueError(f"the key of signed links must have at least {LEAST_KEY} characters")
        self._address = address.rstrip("/")
        self._key = key.get_secret_value().encode()

    def to(self, subject: UUID, until: datetime) -> str:
        """The address that opens a thing until a moment, to the second."""
        said = subject.bytes + int(until.timestamp()).to_bytes(_EXPIRY, "big")
        return f"{self._address}/{self._token(said)}"

    def subject(self, token: str, now: datetime) -> UUID:
        """What the last part of such an address opens; it is compared whole, letter by letter and in constant time.

        Raises:
            LinkRefused: when it is not one of ours, or not any more.
        """
        try:
            said = urlsafe_b64decode(token + "=" * (-len(token) % 4))[: _SUBJECT + _EXPIRY]
        except (NotBase64, ValueError):
            said = b""
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token(said).encode()):
            raise LinkRefused("the link is not one of ours: open it as it was sent")
        if now >= datetime.fromtimestamp(int.from_bytes(said[_SUBJECT:], "big"), UTC):
            raise LinkRefused("the link has expired: ask for a new one")
        return UUID(bytes=said[:_SUBJECT])

    def _token(self, said: bytes) -> str:
        """The one way to write what a link says: base64 alone can be written in several."""
        proof = hmac.new(self._key, _PURPOSE + said, sha256).digest()[:_PROOF]
        return urlsafe_b64encode(said + proof).decode().rstrip("=")
