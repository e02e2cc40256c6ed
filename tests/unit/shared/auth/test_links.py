"""Signed links: ours open their thing until they expire, and nothing else opens anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.auth.signed_links import LinkRefused, SignedLinks

KEY = SecretStr("a key that nobody guesses, of 32+")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINKS = SignedLinks("https://posada.example/b/", KEY)


def token_of(address: str) -> str:
    """Its last part."""
    return address.rpartition("/")[2]


@given(st.uuids(), st.integers(1, 10**8))
def test_a_link_opens_its_thing_until_it_expires(subject: UUID, seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    address = LINKS.to(subject, until)
    assert address.startswith("https://posada.example/b/")
    assert address == LINKS.to(subject, until)
    assert LINKS.subject(token_of(address), until - timedelta(seconds=1)) == subject
    with pytest.raises(LinkRefused, match="expired"):
        LINKS.subject(token_of(address), until)


@given(st.uuids(), st.integers(0, 49), st.sampled_from("ABCxyz019-_=+/ \ud800"))
def test_an_altered_link_opens_nothing(subject: UUID, place: int, letter: str) -> None:
    token = token_of(LINKS.to(subject, NOW + timedelta(days=1)))
    altered = token[:place] + letter + token[place + 1 :]
    assume(altered != token)
    with pytest.raises(LinkRefused, match="not one of ours"):
        LINKS.subject(altered, NOW)


@given(st.uuids(), st.sampled_from(["=", "==", " ", "\n", "!", "A"]))
def test_a_link_with_more_at_its_end_opens_nothing(subject: UUID, more: str) -> None:
    with pytest.raises(LinkRefused, match="not one of ours"):
        LINKS.subject(token_of(LINKS.to(subject, NOW + timedelta(days=1))) + more, NOW)


@given(st.text(max_size=80))
def test_nothing_else_opens_anything(token: str) -> None:
    with pytest.raises(LinkRefused):
        LINKS.subject(token, NOW)


def test_a_link_of_another_key_opens_nothing() -> None:
    other = SignedLinks("https://posada.example/b", SecretStr("another key that nobody guesses, too"))
    with pytest.raises(LinkRefused):
        LINKS.subject(token_of(other.to(uuid4(), NOW + timedelta(days=1))), NOW)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        SignedLinks("https://posada.example", SecretStr("short"))
