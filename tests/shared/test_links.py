"""Signed links: ours open their thing until they expire, and nothing else opens anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.links import LinkRefused, Links

KEY = SecretStr("a key that nobody guesses, of 32+")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINKS = Links("https://posada.example/b/", KEY)


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


@given(st.data())
def test_an_altered_link_opens_nothing(data: st.DataObject) -> None:
    token = token_of(LINKS.to(uuid4(), NOW + timedelta(days=1)))
    place = data.draw(st.integers(0, len(token) - 2))  # of the last letter some bits count for nothing
    letter = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda one: one != token[place]))
    with pytest.raises(LinkRefused, match="not one of ours"):
        LINKS.subject(token[:place] + letter + token[place + 1 :], NOW)


@given(st.text(max_size=80))
def test_nothing_else_opens_anything(token: str) -> None:
    with pytest.raises(LinkRefused):
        LINKS.subject(token, NOW)


def test_a_link_of_another_key_opens_nothing() -> None:
    other = Links("https://posada.example/b", SecretStr("another key that nobody guesses, too"))
    with pytest.raises(LinkRefused):
        LINKS.subject(token_of(other.to(uuid4(), NOW + timedelta(days=1))), NOW)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Links("https://posada.example", SecretStr("short"))
