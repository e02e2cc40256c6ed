"""The acts of the scripted day, each with what it must come to."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from rich.text import Text

from posada.client.booking_events import Event
from posada.client.outbox_messages import show
from posada.demo.guests import Guest, Guests
from posada.demo.stage import Stage
from posada.output import table
from shared.contracts.common import Reason

THINKING_S = 1.0  # how long the bank lets the late guest wait


async def three_rooms(stage: Stage, guests: Guests) -> None:
    """A family books three rooms with one payment."""
    guest = guests.family
    stage.say(
        "1  Three rooms, one payment",
        f"{guest.name} wants three Junior bungalows for 3, 3 and 2 adults and has paid 690.00.",
    )
    await stage.pay(guest)
    (story,) = await stage.play(guest)
    body = story.outcome.body if story.outcome else {}
    rooms = body.get("rooms") or []
    stage.check(story.word == "confirmed", f"{guest.name} is confirmed, not {story.word}")
    stage.check(len({room["code"] for room in rooms}) == 3, "three reservation codes")  # noqa: PLR2004
    stage.check(len({room["room"] for room in rooms}) == 3, "three different rooms")  # noqa: PLR2004
    stage.check(Decimal(body.get("total", 0)) == Decimal(guest.paid), f"a total of {guest.paid}")
    await stage.until(lambda: len(stage.messages([guest.booking_id])) >= 2)  # noqa: PLR2004
    messages = await asyncio.to_thread(stage.messages, [guest.booking_id])
    stage.check({one["channel"] for one in messages} == {"whatsapp", "email"}, "a WhatsApp message and an e-mail")
    stage.console.print()
    stage.console.print(
        Text("What the guest receives (from the local outbox, as no provider is configured):", style="dim")
    )
    show(stage.console, messages)


async def last_room(stage: Stage, guests: Guests) -> None:
    """Three guests race for one room."""
    first = guests.wedding
    stage.say(
        "2  A race for the last room",
        f"{first.name} takes four of the five Matrimonial bungalows; then three guests ask for the fifth at once.",
    )
    await stage.pay(first, *guests.racers)
    (story,) = await stage.play(first)
    stage.check(story.word == "confirmed", f"{first.name} is confirmed, not {story.word}")
    stage.console.print()
    stories = await stage.play(*guests.racers)
    words = sorted(story.word for story in stories)
    wanted = ["confirmed", Reason.NOT_ENOUGH_ROOMS, Reason.NOT_ENOUGH_ROOMS]
    stage.check(words == wanted, f"one winner and two shortages, not {', '.join(words)}")


async def late_payment(stage: Stage, guests: Guests) -> None:
    """A payment arrives after the request."""
    guest = guests.late
    stage.say(
        "3  A payment that arrives late", f"{guest.name} shows a slip of 345.00 that the bank knows nothing of yet."
    )
    searches: list[Event] = []

    async def bank_wakes_up(_: Guest, event: Event) -> None:
        if "search" in event.type and not searches:
            searches.append(event)
            await asyncio.sleep(THINKING_S)
            stage.console.print(Text(f"{'':12}→ the bank's line of 345.00 arrives", style="cyan"))
            await stage.transfer(guest)

    (story,) = await stage.play(guest, on_event=bank_wakes_up)
    stage.check(bool(searches), f"{guest.name} is told that the payment is looked for")
    stage.check(story.word == "confirmed", f"{guest.name} is confirmed, not {story.word}")
    later = bool(story.outcome and story.outcome.body.get("payment_found_later"))
    stage.check(later, "the confirmation says that the payment was found later")


async def too_little(stage: Stage, guests: Guests) -> None:
    """A slip is smaller than the price."""
    guest = guests.short
    stage.say("4  A payment that is too small", f"{guest.name} paid {guest.paid} for a room of 172.50.")
    await stage.pay(guest)
    (story,) = await stage.play(guest)
    stage.check(
        story.word == Reason.PAYMENT_INSUFFICIENT, f"{guest.name} is refused as payment_insufficient, not {story.word}"
    )
    details = story.outcome.body["refusal"]["details"] if story.outcome and story.outcome.reason else {}
    stage.check(
        Decimal(str(details.get("difference", 0))) == Decimal("22.50"), "the refusal names the difference, 22.50"
    )


async def found_in_stage_2(stage: Stage, guests: Guests) -> None:
    """A payment arrives when the first stage of the search is over."""
    guest = guests.delayed
    stage.say(
        "5  A transfer that is found in stage 2",
        f"{guest.name} shows a slip of {guest.paid}; the first stage of looks for it, here of seconds, finds nothing.",
    )
    stages: list[int] = []

    async def bank_sleeps_on(_: Guest, event: Event) -> None:
        if "search" not in event.type:
            return
        stages.append(event.body["stage"])
        if stages[-1] == 2:  # noqa: PLR2004
            answer = await stage.ask("payments", f"/bookings/{guest.booking_id}/payments")
            waits = (answer["request"]["status"], answer["request"]["stage"])
            stage.check(waits == ("waiting", 2), f"payments waits in stage 2, not {waits}")
            stage.console.print(Text(f"{'':12}→ the bank's line of {guest.paid} arrives", style="cyan"))
            await stage.transfer(guest)

    (story,) = await stage.play(guest, on_event=bank_sleeps_on)
    stage.check(stages == [1, 2], f"{guest.name} is told of each stage once, 1 and 2, not {stages}")
    stage.check(story.word == "confirmed", f"{guest.name} is confirmed, not {story.word}")
    later = bool(story.outcome and story.outcome.body.get("payment_found_later"))
    stage.check(later, "the confirmation says that the payment was found later")


async def ambiguous_slip(stage: Stage, guests: Guests) -> None:
    """Two payments could be the one on the slip, and the staff decides."""
    guest = guests.vague
    stage.say(
        "6  A slip that is ambiguous",
        f"{guest.name} shows a slip of {guest.paid} without a reference; the bank has two lines of that amount today.",
    )
    await stage.pay(guest)
    case: dict[str, Any] = {}

    async def reception_decides(_: Guest, event: Event) -> None:
        if "escalated" not in event.type or case:
            return
        case.update(await stage.ask("payments", f"/bookings/{guest.booking_id}/payment-case"))
        columns = ("payment", ">amount", ">left", "speaks for it", "speaks against it")
        rows = [
            (one["transfer_id"], one["amount"], one["left"], ", ".join(one["for"]), ", ".join(one["against"]))
            for one in case["payments"]
        ]
        stage.console.print(table("What the staff sees", columns, rows))
        stage.console.print(Text(f"{'':12}→ reception calls the guest and chooses the first", style="cyan"))
        await stage.tell(
            "payments",
            f"/bookings/{guest.booking_id}/payment-case/choice",
            payment_id=case["payments"][0]["id"],
            staff="Marta, reception",
            reason="the guest read the transfer's number out",
        )

    (story,) = await stage.play(guest, on_event=reception_decides)
    stage.check(case.get("verdict") == "ambiguous", f"the case is ambiguous, not {case.get('verdict')}")
    candidates = case.get("payments", [])
    stage.check(len(candidates) == 2, f"the staff sees two payments, not {len(candidates)}")  # noqa: PLR2004
    stage.check(story.word == "confirmed", f"{guest.name} is confirmed, not {story.word}")
    if len(candidates) == 2:  # noqa: PLR2004
        other = await stage.ask("payments", f"/payments/{candidates[1]['id']}")
        left = Decimal(other["left"])
        stage.check(
            left == Decimal(guest.paid), f"nothing is taken from the other payment: {guest.paid} left, not {left}"
        )


ACTS = (three_rooms, last_room, late_payment, too_little, found_in_stage_2, ambiguous_slip)
