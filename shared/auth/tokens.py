"""API tokens: JWTs of one fixed algorithm, signed with rotating keys, with a person's role and properties."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from uuid import uuid4

import jwt
from pydantic import BaseModel, Field, SecretStr, StringConstraints, ValidationError

ALGORITHM = "HS256"  # whatever a token's header names
ISSUER = AUDIENCE = "posada"
LEEWAY = timedelta(seconds=30)  # for clocks that differ
LEAST_SECRET = 32  # characters; a shorter secret could be guessed from a token
LONGEST = timedelta(days=366)
EVERY: Literal["*"] = "*"

Keys = Mapping[str, SecretStr]
Property = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class TokenRefused(Exception):
    """An invalid token; the text says why, and nothing that helps to forge one."""


class Role(StrEnum):
    """What a caller may do, each role more than the one before: read, write, overrule rules, edit the catalogue."""

    VIEWER = "viewer"
    DESK = "desk"
    MANAGER = "manager"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other role may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `properties` None means every property."""

    subject: str
    role: Role
    properties: frozenset[str] | None = None

    def may_touch(self, found: Collection[str | None]) -> bool:
        """Whether all of these properties are the caller's; None stands for what belongs to no single property."""
        return self.properties is None or (bool(found) and all(key in self.properties for key in found))


class _Claims(BaseModel):
    sub: str = Field(min_length=1, max_length=200)
    role: Role
    properties: list[Property] = Field(min_length=1, max_length=1000)


def new_secret() -> str:
    """A new random secret for a key."""
    return secrets.token_urlsafe(48)


def issue(keys: Keys, caller: Caller, now: datetime, lasts: timedelta, key_id: str | None = None) -> str:
    """A token for a caller, signed with the key of that id, else with the last key.

    Raises:
        ValueError: when there is no such key, or the token would last longer than LONGEST.
    """
    if not keys:
        raise ValueError('there is no key to sign with: set POSADA_API_KEYS, as JSON: {"2026-11": "a long secret"}')
    chosen = key_id or list(keys)[-1]
    if chosen not in keys:
        raise ValueError(f"there is no key {chosen} in POSADA_API_KEYS: there are {', '.join(keys)}")
    if not timedelta() < lasts <= LONGEST:
        raise ValueError(f"a token lasts from a moment to {LONGEST.days} days")
    properties = sorted(caller.properties) if caller.properties is not None else [EVERY]
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + lasts,
        "jti": str(uuid4()),
        **_Claims(sub=caller.subject, role=caller.role, properties=properties).model_dump(mode="json"),
    }
    return jwt.encode(claims, keys[chosen].get_secret_value(), ALGORITHM, headers={"kid": chosen})


def read(keys: Keys, token: str) -> Caller:
    """The caller that a token names.

    Raises:
        TokenRefused: when it is not one of ours, or has expired.
    """
    try:
        key = keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise TokenRefused("the token is signed with a key that is not known here: ask for a new one")
        payload = jwt.decode(
            token,
            key.get_secret_value(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "iss", "aud"]},
        )
        if int(payload["exp"]) - int(payload["iat"]) > LONGEST.total_seconds():
            raise TokenRefused(f"the token lasts longer than {LONGEST.days} days: ask for a new one")
        claims = _Claims.model_validate(payload)
    except jwt.ExpiredSignatureError:
        raise TokenRefused("the token has expired: ask for a new one") from None
    except (jwt.PyJWTError, ValidationError, ValueError):
        raise TokenRefused("the token is not one of ours") from None
    everywhere = EVERY in claims.properties
    return Caller(claims.sub, claims.role, None if everywhere else frozenset(claims.properties))
