"""How an invariant is broken by hand: which statements, in whose database, and what must be named for it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.audit.day_fixture import FIRST


@dataclass(frozen=True, slots=True)
class Break:
    """`sql` may name bookings as {first}. `about` is who must be named, a request's name; empty where another is."""

    invariant: str
    service: str
    sql: str
    about: str = FIRST
