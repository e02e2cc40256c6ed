"""Personal data made unreadable, yet recognisable to who knows it."""

from __future__ import annotations

SHOWN = 4


def masked(address: str) -> str:
    """An address with only its edges left: `a***@example.com`, `***4567`."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return "***" + (address[-SHOWN:] if len(address) > 2 * SHOWN else "")
