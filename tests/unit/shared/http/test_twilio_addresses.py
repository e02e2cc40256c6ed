"""Twilio's signature over an address with its port, without, or by another name: case twilio-port-in-signature."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.providers.twilio import is_signed, signature
from shared.providers.webhooks import WebhookCall

TOKEN, PATH, FORM = "12345", "/webhooks/twilio?t=1&r=a", [("Body", "hola")]


def call(known_as: str, signed: str, **headers: str) -> WebhookCall:
    """A call that we know under one address and that was signed for another."""
    proof = {"x-twilio-signature": signature(TOKEN, signed, FORM)}
    return WebhookCall(known_as, proof | headers, {}, b"Body=hola")


@pytest.mark.parametrize(
    ("known_as", "signed"),
    [
        ("https://posada.example", "https://posada.example"),
        ("https://posada.example", "https://posada.example:443"),
        ("https://posada.example:443", "https://posada.example"),
        ("https://posada.example:8443", "https://posada.example"),
        ("https://posada.example:8443", "https://posada.example:8443"),
        ("http://posada.example", "http://posada.example:80"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
    ],
)
def test_with_its_port_or_without(known_as: str, signed: str) -> None:
    assert is_signed(call(known_as + PATH, signed + PATH), TOKEN)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "posada.example:8443"},
        {"host": "10.0.0.7:8105", "x-forwarded-host": "posada.example:8443"},
        {"host": "10.0.0.7:8105", "x-forwarded-host": "posada.example:8443, inner.example"},
    ],
)
def test_by_the_name_that_the_proxy_was_called(headers: dict[str, str]) -> None:
    signed = f"https://posada.example:8443{PATH}"
    assert is_signed(call(f"http://10.0.0.7:8105{PATH}", signed, **headers), TOKEN)
    assert is_signed(call(f"https://posada.example{PATH}", signed, **headers), TOKEN)


@pytest.mark.parametrize(
    "signed",
    [
        "https://posada.example/webhooks/twilio",
        "https://posada.example/webhooks/twilio?t=1&r=b",
        "https://posada.example/webhooks/other?t=1&r=a",
        "https://another.example/webhooks/twilio?t=1&r=a",
        "",
    ],
)
def test_another_address_stays_another(signed: str) -> None:
    assert not is_signed(call(f"https://posada.example{PATH}", signed), TOKEN)


@given(some.text(max_size=30), some.text(max_size=30))
def test_whatever_a_stranger_writes_into_headers_proves_nothing(host: str, forwarded: str) -> None:
    headers = {"x-twilio-signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "host": host, "x-forwarded-host": forwarded}
    assert not is_signed(WebhookCall(f"https://posada.example{PATH}", headers, {}, b"Body=hola"), TOKEN)
