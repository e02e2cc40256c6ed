"""API tokens: what opens nothing, whoever made it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr, ValidationError

from shared.auth.tokens import Caller, Role, TokenRefused, issue, new_secret, read
from shared.clock import system_clock
from shared.settings import ServiceSettings

OLD, NEW = new_secret(), new_secret()
KEYS = {"old": SecretStr(OLD), "new": SecretStr(NEW)}
ANA = Caller("ana", Role.DESK, frozenset({"las-hojas"}))
NOW = system_clock()
HOUR = timedelta(hours=1)
CLAIMS = {
    "iss": "posada",
    "aud": "posada",
    "sub": "ana",
    "iat": NOW,
    "exp": NOW + HOUR,
    "role": "admin",
    "properties": ["*"],
}


def forged(secret: Any = NEW, algorithm: str = "HS256", kid: str = "new", **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode(claims, secret, algorithm, headers={"kid": kid})


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_says_who_shows_it() -> None:
    assert read(KEYS, issue(KEYS, ANA, NOW, HOUR)) == ANA
    everywhere = Caller("root", Role.ADMIN)
    assert read(KEYS, issue(KEYS, everywhere, NOW, HOUR)) == everywhere
    assert read(KEYS, forged()) == Caller("ana", Role.ADMIN)  # so that what is refused below is so for one reason alone


def test_the_last_key_signs_and_an_older_one_is_still_known_until_it_is_taken_out() -> None:
    token = issue(KEYS, ANA, NOW, HOUR)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "new", "typ": "JWT"}
    before = issue(KEYS, ANA, NOW, HOUR, "old")
    assert read(KEYS, before) == ANA
    with pytest.raises(TokenRefused, match="key that is not known"):
        read({"new": KEYS["new"]}, before)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "not one of ours"),
        ("a.b.c", "not one of ours"),
        (NEW, "not one of ours"),
        (issue(KEYS, ANA, NOW - 2 * HOUR, HOUR), "expired"),
        (forged(kid="other"), "key that is not known"),
        (forged(OLD), "not one of ours"),
        (forged(algorithm="HS512"), "not one of ours"),
        (forged(None, "none"), "not one of ours"),
        (issue(KEYS, ANA, NOW, HOUR).rpartition(".")[0] + ".", "not one of ours"),
        (forged(iss="another"), "not one of ours"),
        (forged(aud="another"), "not one of ours"),
        (forged(aud=None), "not one of ours"),
        (forged(exp=None), "not one of ours"),
        (forged(nbf=NOW + HOUR), "not one of ours"),
        (forged(role="owner"), "not one of ours"),
        (forged(role=None), "not one of ours"),
        (forged(properties=None), "not one of ours"),
        (forged(properties=[]), "not one of ours"),
        (forged(properties="*"), "not one of ours"),
        (forged(sub=""), "not one of ours"),
        (forged(exp=NOW + timedelta(days=367)), "longer than 366 days"),
        (forged(iat=NOW - timedelta(days=366)), "longer than 366 days"),
        (forged(iat=NOW + timedelta(days=1), exp=NOW + timedelta(days=300)), "not one of ours"),
        (forged(exp=float("inf")), "not one of ours"),
        (forged(exp=float("nan")), "not one of ours"),
    ],
    ids=lambda given: given if " " in given or given == "expired" else "token",  # tokens differ with each run
)
def test_what_opens_nothing(token: str, why: str) -> None:
    with pytest.raises(TokenRefused, match=why) as refused:
        read(KEYS, token)
    assert NEW not in str(refused.value)


@pytest.mark.parametrize("algorithm", ["none", "None", "RS256", "ES256", "EdDSA", "PS256"])
def test_a_token_does_not_choose_how_it_is_checked(algorithm: str) -> None:
    """The header names another algorithm over our own key's signature, as when a public key is taken for a secret."""
    body = issue(KEYS, ANA, NOW, HOUR).split(".")[1]
    head = encoded({"alg": algorithm, "kid": "new", "typ": "JWT"})
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signed = signature.sign(f"{head}.{body}".encode(), signature.prepare_key(NEW))
    tail = base64.urlsafe_b64encode(signed).decode().rstrip("=")
    for end in ("", tail):
        with pytest.raises(TokenRefused, match="not one of ours"):
            read(KEYS, f"{head}.{body}.{end}")


@pytest.mark.parametrize("kid", [None, 1, ["new"], {"new": 1}, "../new", "new\0"])
def test_a_key_id_is_a_name_and_nothing_else(kid: Any) -> None:
    head, body = encoded({"alg": "HS256", "kid": kid}), issue(KEYS, ANA, NOW, HOUR).split(".")[1]
    with pytest.raises(TokenRefused):
        read(KEYS, f"{head}.{body}.AAAA")


def test_a_token_cannot_be_changed() -> None:
    head, body, tail = issue(KEYS, ANA, NOW, HOUR).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    with pytest.raises(TokenRefused):
        read(KEYS, f"{head}.{encoded(claims | {'role': 'admin'})}.{tail}")


@pytest.mark.parametrize("lasts", [timedelta(), -HOUR, timedelta(days=400)])
def test_no_token_lasts_for_ever(lasts: timedelta) -> None:
    with pytest.raises(ValueError, match="a token lasts"):
        issue(KEYS, ANA, NOW, lasts)


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(ValueError, match="POSADA_API_KEYS"):
        issue({}, ANA, NOW, HOUR)
    with pytest.raises(ValueError, match="no key other"):
        issue(KEYS, ANA, NOW, HOUR, "other")


@pytest.mark.parametrize("given", [{"short": "x" * 31}, {"": "x" * 40}])
def test_a_key_that_could_be_guessed_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="at least 32"):
        ServiceSettings(api_keys=given)


def test_every_role_includes_those_below() -> None:
    assert Role.ADMIN.includes(Role.DESK)
    assert Role.DESK.includes(Role.DESK)
    assert not Role.VIEWER.includes(Role.DESK)
