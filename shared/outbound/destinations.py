"""Which addresses external systems may have: public ones, and those in the own network that the operator allows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

SETTING: Final = "POSADA_OUTBOUND_ALLOWED"
# The allocated part of IPv6; within it Python knows the ranges that are not global.
_GIVEN: Final = ip_network("2000::/3")
# NAT64: leads to the IPv4 address in the last 32 bits.
_TRANSLATED: Final = ip_network("64:ff9b::/96")
_NOBODYS: Final = (ip_network("192.88.99.0/24"), ip_network("3fff::/20"))  # newer versions of Python know them
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_AUTHORITY: Final = re.compile(r"[^:/?#]*://([^/?#]*)")
_WRITTEN: Final = re.compile(r"[A-Za-z0-9._~:@%\[\]-]+")
LONGEST_HOST: Final = 253
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Forbidden(OSError):
    """An address that may not be called; the text names it and what to do."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be called beside public addresses: networks, and host names with private or loopback addresses.

    A host name never allows link-local addresses, where clouds serve credentials; a network can.
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, named: Sequence[str]) -> Allowed:
        """The allowed networks, addresses and host names as an operator writes them.

        Raises:
            ValueError: for text that is none of these.
        """
        networks, hosts = [], set()
        for text in named:
            try:
                networks.append(ip_network(text))
            except ValueError:
                host = text.lower().rstrip(".")
                if not _is_name(host):
                    raise ValueError(
                        f"{text!r} is no network such as 10.1.0.0/16, no address and no host: write 10.1.0.0/16"
                    ) from None
                hosts.add(host)
        return cls(tuple(networks), frozenset(hosts))

    def check_url(self, url: str) -> str:
        """The host of a URL that may be called; the addresses of a host name are checked when it is resolved.

        Raises:
            Forbidden: when the URL has an unusual form, or names a host that may not be called.
        """
        host = host_of(url)
        literal = _literal(host)
        if literal is not None:
            self.check_address(literal, host)
        elif f".{host.rstrip('.')}".endswith(".localhost"):
            self.check_address(IPv4Address("127.0.0.1"), host)
        return host

    def check_address(self, address: str | Address, host: str) -> None:
        """Check an address to which a host resolves.

        Raises:
            Forbidden: when it may not be called.
        """
        for target in _targets(_parsed(address)):
            if _is_public(target) or any(target in network for network in self._networks_like(target)):
                continue
            if host.lower().rstrip(".") in self.hosts and _is_own_network(target):
                continue
            where = f"{host} is {target}" if str(target) != host else f"{target}"
            raise Forbidden(f"{where}, which is {_kind(target)}: give a public address, or name it in {SETTING}")

    def _networks_like(self, address: Address) -> list[Network]:
        return [network for network in self.networks if network.version == address.version]


PUBLIC: Final = Allowed()


def host_of(url: str) -> str:
    """The host of an http(s) URL in lower case; IPv6 without brackets.

    Raises:
        Forbidden: for another scheme, a user in the URL, or a spelling that programs read in different ways.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Forbidden("the address cannot be read: write it as https://host/path") from None
    if parts.scheme not in {"http", "https"}:
        raise Forbidden("the address begins with neither https:// nor http://: write it so")
    if "@" in parts.netloc:
        raise Forbidden("the address holds a user or a password: give a token in its own setting")
    authority = _AUTHORITY.match(url)
    written = authority is not None and bool(_WRITTEN.fullmatch(authority[1]))
    if not written or not _is_plain(host, parts) or port == 0:
        raise Forbidden("the address names no host in its usual form: write a name, 192.0.2.1 or [2001:db8::1]")
    return host


def _is_plain(host: str, parts: SplitResult) -> bool:
    if _literal(host) is not None:
        return ("[" in parts.netloc) == (":" in host)
    return _is_name(host)


def _is_name(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return len(host) <= LONGEST_HOST and all(map(_LABEL.fullmatch, labels)) and not _is_number(host)


def _is_number(host: str) -> bool:
    """Whether some programs read it as an IPv4 address: 2130706433, 0x7f.1, 127.1, 0177.0.0.1."""
    return bool(_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]))


def _literal(host: str) -> Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return None if isinstance(found, IPv6Address) and found.scope_id else found


def _parsed(address: str | Address) -> Address:
    if not isinstance(address, str):
        return address
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        raise Forbidden(f"{address[:100]} is no address") from None


def _targets(address: Address) -> list[Address]:
    """The addresses that a connection may reach: the address itself, or the IPv4 address that is embedded in it."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:  # Pythons differ on whether its own network is public
        return [address.sixtofour]
    if address.teredo:
        return [address, *address.teredo]
    if address in _TRANSLATED:
        return [IPv4Address(address.packed[-4:])]
    return [address]


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global or any(address in network for network in _NOBODYS):
        return False
    return isinstance(address, IPv4Address) or address in _GIVEN


def _is_own_network(address: Address) -> bool:
    """Whether it is a private or loopback address, and not link-local, multicast or unspecified."""
    if address.is_multicast or address.is_link_local or address.is_unspecified or address.is_reserved:
        return address.is_loopback  # Python calls IPv6's reserved
    return not _is_public(address)


def _kind(address: Address) -> str:
    kinds = (
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("unspecified", address.is_unspecified),
    )
    return next((name for name, holds in kinds if holds), "private")
