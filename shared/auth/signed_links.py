"""Signed links: URLs that open one booking without a login until they expire."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from pydantic import SecretStr

LEAST_KEY = 32  # characters
_PURPOSE = b"signed link 1\0"  # part of what is signed, so that no other use of the key makes a valid link
_SUBJECT, _EXPIRY, _PROOF = 16, 5, 16  # bytes


class LinkRefused(Exception):
    """An invalid link; the text says why, and nothing that helps to forge one."""


class SignedLinks:
    """Creates and verifies links under one URL. The same subject and expiry give the same link.

    Raises:
        ValueError: for a key of fewer than LEAST_KEY characters.
    """

    def __init__(self, address: str, key: SecretStr) -> None:
        if len(key.get_secret_value()) < LEAST_KEY:
            raise ValueError(f"the key of signed links must have at least {LEAST_KEY} characters")
        self._address = address.rstrip("/")
        self._key = key.get_secret_value().encode()

    def to(self, subject: UUID, until: datetime) -> str:
        """The link for a subject, valid until a moment (rounded down to the second)."""
        content = subject.bytes + int(until.timestamp()).to_bytes(_EXPIRY, "big")
        return f"{self._address}/{self._token(content)}"

    def subject(self, token: str, now: datetime) -> UUID:
        """The subject of a link's last path segment. The whole text is compared, in constant time.

        Raises:
            LinkRefused: when it is not one of ours, or has expired.
        """
        try:
            content = urlsafe_b64decode(token + "=" * (-len(token) % 4))[: _SUBJECT + _EXPIRY]
        except (NotBase64, ValueError):
            content = b""
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token(content).encode()):
            raise LinkRefused("the link is not one of ours: open it as it was sent")
        if now >= datetime.fromtimestamp(int.from_bytes(content[_SUBJECT:], "big"), UTC):
            raise LinkRefused("the link has expired: ask for a new one")
        return UUID(bytes=content[:_SUBJECT])

    def _token(self, content: bytes) -> str:
        """The only valid text for this content; base64 has several spellings of the same bytes."""
        proof = hmac.new(self._key, _PURPOSE + content, sha256).digest()[:_PROOF]
        return urlsafe_b64encode(content + proof).decode().rstrip("=")
