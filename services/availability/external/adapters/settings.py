"""How outside systems are called: with which credentials, and how they are spared while they fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.outbound.destinations import PUBLIC, Allowed


@dataclass(frozen=True, slots=True)
class ExternalClientSettings:
    """`tokens` by property; after `failures` in a row a system is left alone for `rest_seconds`.

    At most `at_once` jobs are under way to one system, so that a slow one holds up nobody else. `pause_growth` is
    how many times as long each further pause between attempts at a room is. `allowed`: the addresses they may have.
    """

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    failures: int = 5
    rest_seconds: float = 30.0
    pause_growth: float = 1.0
    at_once: int = 4
    allowed: Allowed = PUBLIC
