"""The end of the day: what became of rooms, money and messages, as the services themselves tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from rich.text import Text

from posada.client.http import NotFound
from posada.demo.guests import PROPERTY, Guest, Guests
from posada.demo.stage import Stage
from posada.output import table

TAKEN = {"junior": 6, "matrimonial": 5, "familiar": 1}
SEARCHES = (
    4  # of which a guest is notified: one stage of the late one, two of the delayed one, the vague one's escalation
)
CASES = 1  # staff are alerted to it
NO_MONEY = {"status": "not asked for", "amount": "", "codes": []}


async def free_rooms(stage: Stage, check_in: date) -> dict[str, int]:
    """The free rooms of each type in the night of `check_in`."""
    night = {"check_in": check_in.isoformat(), "check_out": (check_in + timedelta(days=1)).isoformat()}
    answer = await stage.ask("availability", f"/properties/{PROPERTY}/availability", **night)
    return dict(answer["available_counts"])


async def show_rooms(stage: Stage, before: Mapping[str, int], check_in: date) -> None:
    """Free rooms in the morning and in the evening."""
    after = await free_rooms(stage, check_in)
    rows = [(name, count, after.get(name), count - after.get(name, 0)) for name, count in before.items()]
    stage.console.print(table(f"Rooms free in the night of {check_in}", ("type", ">before", ">after", ">taken"), rows))
    for name, count in before.items():
        wanted = next((taken for part, taken in TAKEN.items() if part in name.lower()), 0)
        taken = count - after.get(name, 0)
        stage.check(taken == wanted, f"{wanted} rooms of {name} are taken, not {taken}")


async def show_money(stage: Stage, guests: Guests) -> None:
    """What each guest's booking got from the payments."""
    rows = []
    arrived = captured = Decimal(0)
    known = {line["authorization_or_id"]: Decimal(line["amount"]) for line in await asyncio.to_thread(stage.transfers)}
    for guest in guests.everybody:
        request, paid = await _money_of(stage, guest)
        arrived += sum(known.get(transfer.transfer_id, Decimal(0)) for transfer in guest.transfers())
        captured += sum((Decimal(one["captured"]) for one in paid), Decimal(0))
        rows.append((guest.name, guest.paid, request["status"], request["amount"], ", ".join(request["codes"])))
        _check_money(stage, guest, request, paid)
    columns = ("guest", ">paid", "booking's payment", ">price", "codes on the payment")
    stage.console.print(table("Money, in USD", columns, rows))
    stage.console.print(
        f"arrived {arrived}, captured {captured}, free for other use {arrived - captured}", markup=False
    )


async def show_messages(stage: Stage, guests: Guests) -> None:
    """What was sent to whom; each guest gets each message once by each channel."""
    bookings = [guest.booking_id for guest in guests.everybody]
    wanted = 2 * (len(bookings) + SEARCHES) + CASES  # to guests by two channels, to the staff by one
    await stage.until(lambda: len(stage.messages(bookings)) >= wanted)
    messages = await asyncio.to_thread(stage.messages, bookings)
    names = {str(guest.booking_id): guest.name for guest in guests.everybody}
    rows = [
        (names[one["booking_id"]], one["channel"], one.get("occasion"), one.get("subject") or _first_line(one))
        for one in messages
    ]
    stage.console.print()
    stage.console.print(table("Messages", ("guest", "channel", "occasion", "begins with"), rows))
    sent = [(one["booking_id"], one["channel"], one.get("occasion")) for one in messages]
    stage.check(len(set(sent)) == len(sent), "nobody gets the same message twice by the same channel")
    stage.check(len(sent) == wanted, f"{wanted} messages were sent, not {len(sent)}")


def judge(stage: Stage) -> bool:
    """Say whether the day went as scripted."""
    stage.console.print()
    if not stage.misses:
        stage.console.print(
            Text(f"✔ all as scripted: {stage.checks} of {stage.checks} checks held", style="bold green")
        )
        return True
    stage.console.print(Text(f"✘ {len(stage.misses)} of {stage.checks} checks did not hold:", style="bold red"))
    for miss in stage.misses:
        stage.console.print(Text(f"  expected: {miss}"), soft_wrap=True)
    return False


async def _money_of(stage: Stage, guest: Guest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        answer = await stage.ask("payments", f"/bookings/{guest.booking_id}/payments")
    except NotFound:
        return dict(NO_MONEY), []
    return answer["request"], answer["payments"]


def _check_money(stage: Stage, guest: Guest, request: Mapping[str, Any], paid: list[dict[str, Any]]) -> None:
    confirmed = stage.stories[guest.booking_id].word == "confirmed"
    captured = sum((Decimal(one["captured"]) for one in paid), Decimal(0))
    reserved = sum((Decimal(one["reserved"]) for one in paid), Decimal(0))
    wanted = Decimal(guest.paid) if confirmed else Decimal(0)
    stage.check(captured == wanted, f"{wanted} of {guest.name} are captured, not {captured}")
    stage.check(reserved == 0, f"nothing of {guest.name} is left reserved")
    if confirmed:
        stage.check(len(request["codes"]) == len(guest.parties), f"the payment of {guest.name} bears every code")


def _first_line(message: Mapping[str, Any]) -> str:
    return str(message.get("text") or "").strip().partition("\n")[0][:90]
