"""How many HTTP connections there may be, in all and of one client, and how fast a client must send and receive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address, ip_network

from shared.settings import Networks

LEAST_BYTES = 5_000  # of a body or an answer within `patience`
SPARE, SPARE_OF_ONE = 50, 10  # connections beyond the bounds that are asked for health alone
PREFIX = 64  # bits of an IPv6 address that identify a client: providers assign a whole /64 to each


@dataclass(frozen=True)
class Bounds:
    """`connections` in all, `of_one` of one client; `proxies` have many clients and are bounded by the first alone.

    A client has `patience` seconds for a request's head and for each LEAST_BYTES of a body that it sends or an answer
    that it takes, and `whole` seconds for the whole of either.
    """

    connections: int = 500
    of_one: int = 100
    patience: float = 10
    whole: float = 300
    proxies: Networks = ()


class Place(Enum):
    """What a connection may ask for."""

    EVERYTHING = 1
    HEALTH = 2
    NOTHING = 3


class Connections:
    """Counts connections by client and gives each its place."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._of: Counter[str] = Counter()

    def came(self, client: str) -> Place:
        """Count one more, and say what it may ask for."""
        self._of[client] += 1
        over = self._of.total() - self._bounds.connections
        over_of_one = 0 if self._is_proxy(client) else self._of[client] - self._bounds.of_one
        if over > SPARE or over_of_one > SPARE_OF_ONE:
            return Place.NOTHING
        return Place.HEALTH if over > 0 or over_of_one > 0 else Place.EVERYTHING

    def went(self, client: str) -> None:
        """Count one less."""
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]

    def _is_proxy(self, client: str) -> bool:
        try:
            network = ip_network(client)
        except ValueError:
            return False
        return any(one.version == network.version and one.overlaps(network) for one in self._bounds.proxies)


@dataclass
class Pace:
    """Whether a transfer goes on: LEAST_BYTES within `patience` seconds, all of it within `whole`."""

    patience: float
    whole: float
    _began: float | None = None
    _at: float = 0
    _moved: int = 0

    def is_overdue(self, moved: int, now: float) -> bool:
        """Call it while the client has to send or receive; `moved` is how many bytes it has on this connection."""
        if self._began is None:
            self._began, self._at, self._moved = now, now, moved
        elif moved - self._moved >= LEAST_BYTES:
            self._at, self._moved = now, moved
        return now - self._at > self.patience or now - self._began > self.whole

    def rest(self, now: float) -> None:
        """The client has nothing to do at present."""
        self._at = now

    def end(self) -> None:
        """The transfer is over."""
        self._began = None


def client_of(host: str) -> str:
    """The client behind an address: the address itself, or for IPv6 its /64 network."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or ip_network((address, PREFIX), strict=False))
