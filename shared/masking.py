"""Personal data made unreadable, yet recognisable to who knows it."""

from __future__ import annotations

SHOWN = 4


def masked_email(address: str) -> str:
    """`a***@example.org`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}"


def masked_phone(phone: str | None) -> str | None:
    """`***4567`; a short one shows nothing."""
    return phone and "***" + (phone[-SHOWN:] if len(phone) > 2 * SHOWN else "")


def masked_name(name: str) -> str:
    """`A*** M***`."""
    return " ".join(f"{part[:1]}***" for part in name.split())
