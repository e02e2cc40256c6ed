"""Whether something is on this machine alone."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit


def is_loopback(host: str) -> bool:
    """Whether a name or an IP address is this machine's own, which no other machine reaches."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def stays_here(url: str) -> bool:
    """Whether every host that an address names is this machine's own; the folder of a socket is."""
    parts = urlsplit(url)
    places = [*parts.netloc.rpartition("@")[2].split(","), *parse_qs(parts.query).get("host", ())]
    return all(is_loopback(_host(place)) for place in places if place and not place.startswith("/"))


def _host(place: str) -> str:
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
