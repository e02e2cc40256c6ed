"""When money that has not arrived is searched for again: stages with growing intervals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

SECOND_LOOK = 0  # the attempt number of the second look, which counts as no attempt


@dataclass(frozen=True, slots=True)
class Stage:
    """A number of attempts, one every interval; the first is one interval after the stage begins."""

    attempts: int
    every: timedelta


Schedule: TypeAlias = tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A planned attempt: its stage, its number in the stage (both from 1), and its time in UTC."""

    stage: int
    number: int
    at: datetime

    @property
    def opens_stage(self) -> bool:
        """Whether it is the first of its stage, of which the guest is notified."""
        return self.number == 1


def first_attempt(schedule: Schedule, now: datetime) -> Attempt | None:
    """The first attempt; None when the schedule has none."""
    return _in_stage(schedule, 1, now)


def next_attempt(schedule: Schedule, last: Attempt, now: datetime) -> Attempt | None:
    """The attempt after one that found nothing; None after the last stage."""
    if last.stage > len(schedule):  # the settings were changed while the request waited
        return None
    stage = schedule[last.stage - 1]
    if last.number < stage.attempts:
        return Attempt(last.stage, last.number + 1, now + stage.every)
    return _in_stage(schedule, last.stage + 1, now)


def stage_ends_at(schedule: Schedule, upcoming: Attempt) -> datetime:
    """When the last attempt of the upcoming attempt's stage is due."""
    if upcoming.stage > len(schedule):
        return upcoming.at
    stage = schedule[upcoming.stage - 1]
    return upcoming.at + stage.every * max(0, stage.attempts - upcoming.number)


def _in_stage(schedule: Schedule, number: int, now: datetime) -> Attempt | None:
    for following, stage in enumerate(schedule[number - 1 :], number):
        if stage.attempts:
            return Attempt(following, 1, now + stage.every)
    return None
