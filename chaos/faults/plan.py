"""The plan of a storm, a pure function of its seed: what is struck, how, when, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, TypeVar

from shared.contracts.topics import SERVICES

Card = TypeVar("Card")
BROKER: Final = "kafka"
DATABASE: Final = "postgres"
TOPICS: Final = "topics"
SERVERS: Final = (BROKER, DATABASE)
SCALED: Final = ("booking", "availability", "payments")
BROKER_LINE: Final = "line to kafka"  # of all services


def database_line(service: str) -> str:
    """What the line of a service to its database is called."""
    return f"line {service} to postgres"


LINES: Final = (BROKER_LINE, *map(database_line, SERVICES))
CALM_S: Final = 3.0  # before the first blow, so that there is something to disturb
BACK_S: Final = 8.0  # what is struck is left alone for so long after it was mended
LEAST_GAP_S: Final = 1.0
MOST_KEPT: Final = 60  # more cards than that and every target is among them


class What(StrEnum):
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


# Seconds that a blow lasts, at least and at most. Ten seconds of silence cost a service its partitions.
LASTS: Final = {
    What.KILL: (0.3, 6.0),
    What.FREEZE: (1.0, 16.0),
    What.CUT: (0.0, 0.0),
    What.REPEAT: (0.0, 0.0),
    What.SCALE: (4.0, 15.0),
    What.TEAR: (0.0, 0.0),
    What.SLOW: (4.0, 15.0),
    What.MUTE: (0.5, 12.0),
    What.FILL: (1.0, 8.0),
}
SERVERS_FREEZE_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One blow: its number, when it falls and how long it lasts, both in seconds. `seed` is for its own choices."""

    number: int
    at: float
    what: What
    target: str
    lasts: float
    seed: int

    @property
    def told(self) -> str:
        """One line for people."""
        lasting = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.at:6.1f} s  {self.what} {self.target}{lasting}"


def plan(seed: int, seconds: float, blows: int, *, servers: bool = True, lines: bool = True) -> list[Fault]:
    """So many blows over so many seconds; without `servers` or `lines` those are left alone."""
    random = Random(f"blows {seed}")  # noqa: S311
    gap = max(LEAST_GAP_S, (seconds - CALM_S) / max(1, blows))
    free_at: dict[str, float] = {}
    made: list[Fault] = []
    hand = _Hand(_decks(random, blows, servers=servers, lines=lines))
    at = CALM_S
    for number in range(1, blows + 1):
        what, target = hand.play(free_at, at)
        least, most = LASTS[what]
        lasts = round(random.uniform(least, min(most, SERVERS_FREEZE_S) if target in SERVERS else most), 1)
        made.append(Fault(number, round(at, 1), what, target, lasts, random.randrange(2**32)))
        free_at[target] = at + lasts + BACK_S
        at += gap * random.uniform(0.5, 1.5)
    return made


class _Hand:
    """Cards that were drawn while their target was still recovering are played as soon as it is free."""

    def __init__(self, deck: Iterator[tuple[What, str]]) -> None:
        self._deck = deck
        self._kept: list[tuple[What, str]] = []

    def play(self, free_at: dict[str, float], at: float) -> tuple[What, str]:
        """The oldest card whose target is free at that time; where all are busy for long, the oldest."""
        for _ in range(MOST_KEPT):
            free = next((card for card in self._kept if free_at.get(card[1], 0.0) <= at), None)
            if free:
                self._kept.remove(free)
                return free
            self._kept.append(next(self._deck))
        return self._kept.pop(0)


def _decks(random: Random, blows: int, *, servers: bool, lines: bool) -> Iterator[tuple[What, str]]:
    """Decks without end, each shuffled; a storm too short for a whole one begins with what must not be left out."""
    targets = (*SERVICES, *(SERVERS if servers else ()))
    kills = [(What.KILL, target) for target in targets]
    rest = [
        *[(What.FREEZE, target) for target in targets],
        *[(What.CUT, service) for service in SERVICES],
        *[(What.SCALE, service) for service in SCALED],
        *[(What.REPEAT, TOPICS)] * 3,
    ]
    disk = [(What.FILL, DATABASE)] if servers else []
    least = [(What.REPEAT, TOPICS), (What.SCALE, "booking"), (What.CUT, "payments")]
    if lines:
        least += [(What.TEAR, BROKER_LINE), (What.MUTE, database_line("booking"))]
    least += disk
    if blows < len(kills) + len(rest) + len(LINES):
        yield from _shuffled(random, [*kills, *least])
    while True:
        yield from _shuffled(random, [*kills, *rest, *(_on_lines(random) if lines else ()), *disk])


def _on_lines(random: Random) -> Iterator[tuple[What, str]]:
    """Every line is struck somehow."""
    lines = _shuffled(random, LINES)
    yield from ((what, line) for what, line in zip((What.TEAR, What.SLOW, What.MUTE) * 2, lines, strict=True))


def _shuffled(random: Random, cards: Sequence[Card]) -> list[Card]:
    return random.sample(cards, len(cards))
