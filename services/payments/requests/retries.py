"""When money that has not arrived is looked for again: stages that slow down, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

# The number of a look that counts as no attempt.
SECOND_LOOK = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """So many attempts, `every` so often, the first of them one interval after the stage begins."""

    attempts: int
    every: timedelta


Schedule: TypeAlias = tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to come: its stage and its number in the stage, both from 1, and its time."""

    stage: int
    number: int
    at: datetime

    @property
    def opens_stage(self) -> bool:
        """Whether the guest hears of it."""
        return self.number == 1


def first_attempt(schedule: Schedule, now: datetime) -> Attempt | None:
    """The first attempt after a look that found nothing; None where the method is not looked for again."""
    return _in_stage(schedule, 1, now)


def next_attempt(schedule: Schedule, last: Attempt, now: datetime) -> Attempt | None:
    """What follows an attempt that found nothing, counted from now; None after the last stage."""
    if last.stage > len(schedule):  # the settings were changed while this one waited
        return None
    stage = schedule[last.stage - 1]
    if last.number < stage.attempts:
        return Attempt(last.stage, last.number + 1, now + stage.every)
    return _in_stage(schedule, last.stage + 1, now)


def stage_ends_at(schedule: Schedule, upcoming: Attempt) -> datetime:
    """When the last attempt of the upcoming one's stage is due, if all go by the plan."""
    if upcoming.stage > len(schedule):
        return upcoming.at
    stage = schedule[upcoming.stage - 1]
    return upcoming.at + stage.every * max(0, stage.attempts - upcoming.number)


def _in_stage(schedule: Schedule, number: int, now: datetime) -> Attempt | None:
    for place, stage in enumerate(schedule[number - 1 :], number):
        if stage.attempts:
            return Attempt(place, 1, now + stage.every)
    return None
