"""API tokens: JWTs of one fixed algorithm, signed with keys that rotate, naming a person's role and properties."""

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

ALGORITHM = "HS256"  # never what a token says of itself
ISSUER = AUDIENCE = "posada"
LEEWAY = timedelta(seconds=30)  # clocks differ
LEAST_SECRET = 32  # characters; a shorter one could be guessed from a token
LONGEST = timedelta(days=366)
EVERY: Literal["*"] = "*"

Keys = Mapping[str, SecretStr]
Property = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class TokenRefused(Exception):
    """A token that opens nothing; the text says why, and nothing that helps to forge one."""


class Role(StrEnum):
    """What somebody may do, each more than the last: read; write; overrule; change what the house consists of."""

    VIEWER = "viewer"
    DESK = "desk"
    MANAGER = "manager"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `properties` None means every property."""

    subject: str
    role: Role
    properties: frozenset[str] | None = None

    def may_touch(self, found: Collection[str | None]) -> bool:
        """Whether all of these properties are the caller's; None is what belongs to no single one."""
        return self.properties is None or (bool(found) and all(one in self.properties for one in found))


class _Claims(BaseModel):
    sub: str = Field(min_length=1, max_length=200)
    role: Role
    properties: list[Property] = Field(min_length=1, max_length=1000)


def new_secret() -> str:
    """A fresh secret for a key."""
    return secrets.token_urlsafe(48)


def issue(keys: Keys, caller: Caller, now: datetime, lasts: timedelta, key_id: str | None = None) -> str:
    """A token, signed with the key of that id, else with the last one.

    Raises:
        ValueError: when there is no such key, or the token would outlast a year.
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
    """Who shows this token.

    Raises:
        TokenRefused: when it is not one of ours, or not any more.
    """
    try:
        key = keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise TokenRefused("the token is signed with a key that is not known here: ask for a new one")
        told = jwt.decode(
            token,
            key.get_secret_value(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "iss", "aud"]},
        )
        if int(told["exp"]) - int(told["iat"]) > LONGEST.total_seconds():
            raise TokenRefused(f"the token lasts longer than {LONGEST.days} days: ask for a new one")
        claims = _Claims.model_validate(told)
    except jwt.ExpiredSignatureError:
        raise TokenRefused("the token has expired: ask for a new one") from None
    except (jwt.PyJWTError, ValidationError, ValueError):
        raise TokenRefused("the token is not one of ours") from None
    everywhere = EVERY in claims.properties
    return Caller(claims.sub, claims.role, None if everywhere else frozenset(claims.properties))
