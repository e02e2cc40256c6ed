"""Personal data made unreadable, yet recognisable to who knows it."""

from __future__ import annotations

import re

SHOWN = 4
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+|\+?\d(?:[\s().-]?\d){6,}")


def masked(address: str) -> str:
    """An address with only its edges left: `a***@example.com`, `***4567`; a short number shows nothing."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return "***" + (address[-SHOWN:] if len(address) > 2 * SHOWN else "")


def masked_name(name: str) -> str:
    """`A*** M***`."""
    return " ".join(f"{part[:1]}***" for part in name.split())


def without_addresses(text: str) -> str:
    """Somebody's words with each e-mail address and phone number in them masked."""
    return _ADDRESS.sub(lambda found: masked("".join(found[0].split())), text)
