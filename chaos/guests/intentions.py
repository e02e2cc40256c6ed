"""What guests of a storm are up to, a pure function of its seed: they cancel, move, come, stay away, or give up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

from chaos.guests.requests import REQUESTS, Guest, GuestKind

SHARE: Final = 0.3  # of the guests who may be confirmed
MOST_WAIT_S: Final = 15.0
GIVE_UP_SHARE: Final = 0.5  # of those who may still be waited for
MOST_PATIENCE_S: Final = 8.0
TWICE: Final = 0.15  # of all commands are given twice at the same moment
FAR: Final = (120, 300)  # days from now that nobody else has asked for


class Intention(StrEnum):
    """What a guest is up to."""

    CANCEL = "cancels"
    MOVE = "moves to other dates"
    STAY = "comes today and leaves"
    AWAY = "moves to today and does not come"
    GIVE_UP = "cancels while the money is looked for"


WEIGHTS: Final = {Intention.CANCEL: 40, Intention.MOVE: 30, Intention.STAY: 20, Intention.AWAY: 10}


@dataclass(frozen=True, slots=True)
class Step:
    """One command: the end of its address, what it says, and whether it is said twice; `leaves` is the state after."""

    path: str
    says: Mapping[str, Any]
    leaves: str
    twice: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What one guest does, and how many seconds after the confirmation; who gives up, after the storm's beginning."""

    request_id: str
    intention: Intention
    after_s: float
    steps: tuple[Step, ...]


def intentions(seed: int, guests: Iterable[Guest], today: date) -> list[Plan]:
    """Plans for some of the guests; `today` is the property's."""
    random = Random(f"errands {seed}")  # noqa: S311
    guests = list(guests)
    able = [guest for guest in guests if guest.kind.may_be_confirmed]
    chosen = random.sample(able, round(len(able) * SHARE))
    served = {guest.request_id for guest in chosen}
    waited_for = [
        one for one in guests if one.kind in {GuestKind.NEVER, GuestKind.LATE} and one.request_id not in served
    ]
    return [*[_plan(random, guest, today) for guest in chosen], *_given_up(seed, waited_for)]


def _given_up(seed: int, guests: list[Guest]) -> list[Plan]:
    """Some who give up, maybe in the moment in which their money is found."""
    random = Random(f"given up {seed}")  # noqa: S311
    plans = []
    for guest in random.sample(guests, round(len(guests) * GIVE_UP_SHARE)):
        asked_at = min(send.at for send in guest.sends if send.topic == REQUESTS)
        step = Step("cancellation", {}, "CANCELLED", random.random() < TWICE)
        plans.append(
            Plan(guest.request_id, Intention.GIVE_UP, asked_at + random.uniform(0.0, MOST_PATIENCE_S), (step,))
        )
    return plans


def _plan(random: Random, guest: Guest, today: date) -> Plan:
    intention = random.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
    asked = next(send.body for send in guest.sends if send.topic == REQUESTS)
    nights = date.fromisoformat(asked["check_out"]) - date.fromisoformat(asked["check_in"])

    def step(path: str, leaves: str, **says: Any) -> Step:
        return Step(path, says, leaves, random.random() < TWICE)

    def dates(first: date) -> Step:
        return step("dates", "CONFIRMED", check_in=first.isoformat(), check_out=(first + nights).isoformat())

    match intention:
        case Intention.CANCEL:
            steps = [step("cancellation", "CANCELLED")]
        case Intention.MOVE:
            steps = [dates(today + timedelta(days=random.randint(*FAR)))]
        case Intention.STAY:
            steps = [
                dates(today),
                step("check-in", "CHECKED_IN"),
                step("check-out", "CHECKED_OUT", owing=True),
            ]
        case Intention.AWAY:
            steps = [dates(today), step("no-show", "NO_SHOW")]
    return Plan(guest.request_id, intention, random.uniform(0.0, MOST_WAIT_S), tuple(steps))
