"""The plan of a storm, a pure function of its seed: which fault, where, when, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, TypeVar

from shared.contracts.topics import SERVICES

Choice = TypeVar("Choice")
BROKER: Final = "kafka"
DATABASE: Final = "postgres"
TOPICS: Final = "topics"
SERVERS: Final = (BROKER, DATABASE)
SCALED: Final = ("booking", "availability", "payments")
BROKER_PROXY: Final = "proxy to kafka"  # of all services


def database_proxy(service: str) -> str:
    """The name of the proxy between a service and its database."""
    return f"proxy {service} to postgres"


PROXIES: Final = (BROKER_PROXY, *map(database_proxy, SERVICES))
CALM_S: Final = 3.0  # before the first fault, so that there is something to disturb
BACK_S: Final = 8.0  # a target is left alone for so long after it was repaired
LEAST_GAP_S: Final = 1.0
MOST_KEPT: Final = 60  # among so many choices is every target


class FaultKind(StrEnum):
    """What is done to a target."""

    KILL = "kill"
    FREEZE = "freeze"
    CUT = "cut"
    REPEAT = "repeat"
    SCALE = "scale"
    TEAR = "tear"
    SLOW = "slow"
    MUTE = "mute"
    FILL = "fill"


# Seconds that a fault lasts, at least and at most. Ten seconds of silence cost a service its partitions.
LASTS: Final = {
    FaultKind.KILL: (0.3, 6.0),
    FaultKind.FREEZE: (1.0, 16.0),
    FaultKind.CUT: (0.0, 0.0),
    FaultKind.REPEAT: (0.0, 0.0),
    FaultKind.SCALE: (4.0, 15.0),
    FaultKind.TEAR: (0.0, 0.0),
    FaultKind.SLOW: (4.0, 15.0),
    FaultKind.MUTE: (0.5, 12.0),
    FaultKind.FILL: (1.0, 8.0),
}
SERVERS_FREEZE_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its number, when it happens and how long it lasts, both in seconds. `seed` is for its own choices."""

    number: int
    at: float
    kind: FaultKind
    target: str
    lasts: float
    seed: int

    @property
    def text(self) -> str:
        """One line for people."""
        lasting = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.at:6.1f} s  {self.kind} {self.target}{lasting}"


def plan(seed: int, seconds: float, faults: int, *, servers: bool = True, proxies: bool = True) -> list[Fault]:
    """So many faults over so many seconds; without `servers` or `proxies` those are left alone."""
    random = Random(f"blows {seed}")  # noqa: S311
    gap = max(LEAST_GAP_S, (seconds - CALM_S) / max(1, faults))
    free_at: dict[str, float] = {}
    made: list[Fault] = []
    waiting = _Waiting(_rounds(random, faults, servers=servers, proxies=proxies))
    at = CALM_S
    for number in range(1, faults + 1):
        kind, target = waiting.take(free_at, at)
        least, most = LASTS[kind]
        lasts = round(random.uniform(least, min(most, SERVERS_FREEZE_S) if target in SERVERS else most), 1)
        made.append(Fault(number, round(at, 1), kind, target, lasts, random.randrange(2**32)))
        free_at[target] = at + lasts + BACK_S
        at += gap * random.uniform(0.5, 1.5)
    return made


class _Waiting:
    """Choices whose target was still recovering are taken as soon as it is free."""

    def __init__(self, choices: Iterator[tuple[FaultKind, str]]) -> None:
        self._choices = choices
        self._kept: list[tuple[FaultKind, str]] = []

    def take(self, free_at: dict[str, float], at: float) -> tuple[FaultKind, str]:
        """The oldest choice whose target is free at that time; where all are busy for long, the oldest."""
        for _ in range(MOST_KEPT):
            free = next((choice for choice in self._kept if free_at.get(choice[1], 0.0) <= at), None)
            if free:
                self._kept.remove(free)
                return free
            self._kept.append(next(self._choices))
        return self._kept.pop(0)


def _rounds(random: Random, faults: int, *, servers: bool, proxies: bool) -> Iterator[tuple[FaultKind, str]]:
    """Rounds without end, each shuffled; a storm too short for a whole one begins with what must not be left out."""
    targets = (*SERVICES, *(SERVERS if servers else ()))
    kills = [(FaultKind.KILL, target) for target in targets]
    rest = [
        *[(FaultKind.FREEZE, target) for target in targets],
        *[(FaultKind.CUT, service) for service in SERVICES],
        *[(FaultKind.SCALE, service) for service in SCALED],
        *[(FaultKind.REPEAT, TOPICS)] * 3,
    ]
    disk = [(FaultKind.FILL, DATABASE)] if servers else []
    least = [(FaultKind.REPEAT, TOPICS), (FaultKind.SCALE, "booking"), (FaultKind.CUT, "payments")]
    if proxies:
        least += [(FaultKind.TEAR, BROKER_PROXY), (FaultKind.MUTE, database_proxy("booking"))]
    least += disk
    if faults < len(kills) + len(rest) + len(PROXIES):
        yield from _shuffled(random, [*kills, *least])
    while True:
        yield from _shuffled(random, [*kills, *rest, *(_on_proxies(random) if proxies else ()), *disk])


def _on_proxies(random: Random) -> Iterator[tuple[FaultKind, str]]:
    """Every proxy has one fault."""
    proxies = _shuffled(random, PROXIES)
    yield from (
        (kind, proxy) for kind, proxy in zip((FaultKind.TEAR, FaultKind.SLOW, FaultKind.MUTE) * 2, proxies, strict=True)
    )


def _shuffled(random: Random, choices: Sequence[Choice]) -> list[Choice]:
    return random.sample(choices, len(choices))
