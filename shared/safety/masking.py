"""Personal data made unreadable, yet recognisable to who knows it."""

from __future__ import annotations

import re

SHOWN = 4
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+|\+?\d(?:[\s().-]?\d){6,}")

# An address of the web with a user or anything behind its host, and what follows the question mark of a part of one.
_LINK = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#'\"]*@)?([^\s/?#'\"]+)[/?#][^\s'\"]*", re.IGNORECASE)
_USER = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/?#'\"]*@", re.IGNORECASE)
_QUERY = re.compile(r"(/[^\s?'\"]*)\?[^\s'\"]+")


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
    """Somebody's words with each e-mail address and phone number in them masked, and of web addresses only the host."""
    return _ADDRESS.sub(lambda found: masked("".join(found[0].split())), without_links(text))


def without_links(text: str) -> str:
    """Somebody's words with only the host left of each web address: what comes behind it may be a secret or a person's.

    A path that stands alone loses its query.
    """
    return _QUERY.sub(r"\1?…", _USER.sub(r"\1", _LINK.sub(r"\1\2/…", text)))
