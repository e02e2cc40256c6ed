"""Personal data made unreadable, yet recognisable to who knows it."""

from __future__ import annotations

SHOWN = 4


def masked(address: str) -> str:
    """An address with only its edges left: `a***@example.com`, `***4567`; a short number shows nothing."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return "***" + (address[-SHOWN:] if len(address) > 2 * SHOWN else "")


def masked_name(name: str) -> str:
    """`A*** M***`."""
    return " ".join(f"{part[:1]}***" for part in name.split())
