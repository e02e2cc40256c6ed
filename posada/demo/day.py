"""Plays the day in a cluster that runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from rich.console import Console

from posada.client.booking_events import Watch, producer
from posada.demo import ending
from posada.demo.acts import ACTS
from posada.demo.guests import invite
from posada.demo.stage import Stage
from posada.problems import Problem
from shared.messages.record_auth import Seal

FIRST_NIGHT_DAYS = 30
LAST_NIGHT_DAYS = 330
MATRIMONIAL = 5


async def play(console: Console, bootstrap: str, http: Callable[[str], str], seal: Seal) -> bool:
    """Play every act, show the final state, and return whether all was as scripted."""
    async with Watch(bootstrap) as watch, producer(bootstrap, seal) as client:
        stage = Stage(console, client, watch, http)
        check_in, before = await empty_night(stage)
        guests = invite(check_in)
        for act in ACTS:
            await act(stage, guests)
        stage.say("The end of the day", "What availability, payments and notifications say.")
        await ending.show_rooms(stage, before, check_in)
        await ending.show_money(stage, guests)
        await ending.show_messages(stage, guests)
        return ending.judge(stage)


async def empty_night(stage: Stage) -> tuple[date, dict[str, int]]:
    """A night without a booked Matrimonial, since a cluster may be kept and played in again; and its free rooms."""
    for days in range(FIRST_NIGHT_DAYS, LAST_NIGHT_DAYS):
        night = date.today() + timedelta(days=days)  # noqa: DTZ011  # any day in the future will do
        free = await ending.free_rooms(stage, night)
        if any(count == MATRIMONIAL and "matrimonial" in name.lower() for name, count in free.items()):
            return night, free
    raise Problem("Every night of this cluster is taken already: choose another folder with --data.")
