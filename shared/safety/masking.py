"""Masks personal data, so that only who knows it can recognise it."""

from __future__ import annotations

import re

SHOWN = 4
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+|\+?\d(?:[\s().-]?\d){6,}")

# A URL with a user, or with anything after its host; and the query of a path.
_LINK = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#'\"]*@)?([^\s/?#'\"]+)[/?#][^\s'\"]*", re.IGNORECASE)
_USER = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/?#'\"]*@", re.IGNORECASE)
_QUERY = re.compile(r"(/[^\s?'\"]*)\?[^\s'\"]+")


def masked(address: str) -> str:
    """A masked address: `a***@example.com`, `***4567`; nothing of a short number is shown."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return "***" + (address[-SHOWN:] if len(address) > 2 * SHOWN else "")


def masked_name(name: str) -> str:
    """A masked name: `A*** M***`."""
    return " ".join(f"{part[:1]}***" for part in name.split())


def without_addresses(text: str) -> str:
    """A text with e-mail addresses and phone numbers masked, and URLs cut to their hosts."""
    return _ADDRESS.sub(lambda found: masked("".join(found[0].split())), without_links(text))


def without_links(text: str) -> str:
    """A text with URLs cut to their hosts, as the rest may be secret or personal. A path alone loses its query."""
    return _QUERY.sub(r"\1?…", _USER.sub(r"\1", _LINK.sub(r"\1\2/…", text)))
