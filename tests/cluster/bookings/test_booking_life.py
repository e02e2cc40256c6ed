"""What becomes of a booking on the running system: changed, cancelled, arrived and left, by the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from posada.client.http import ask
from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import fresh_night, money_for, request, room
from tests.support.cluster.gateway import Event, Gateway, rows, wait_for
from tests.support.oracle import until_at_rest

TOKEN = "the desk's own, hard to guess by others"  # noqa: S105 — of a test
SECONDS = 60.0
# Timers of reminders, which are judged when they are due; and what became of them.
BRING_FORWARD = """
UPDATE outbox SET due_at = now() WHERE key = $1 AND topic = 'posada.notifications.internal' RETURNING id"""
TIMERS = "SELECT id FROM outbox WHERE key = $1 AND topic = 'posada.notifications.internal'"
DUE = "SELECT id FROM outbox WHERE key = $1 AND topic = 'posada.notifications.internal' AND due_at <= now()"
REMINDED = "SELECT DISTINCT occasion FROM deliveries WHERE booking_id = $1 AND occasion LIKE 'arrival_reminder%'"
TOLD = (
    "SELECT channel FROM deliveries WHERE booking_id = $1 AND audience = 'guest' AND split_part(occasion, ':', 1) = $2"
)
KNOWN = "SELECT (versions -> -1 ->> 2)::date AS check_in, off_at IS NOT NULL AS off FROM bookings WHERE id = $1"
REFUNDED = """
SELECT ledger.* FROM ledger JOIN payments ON payments.id = payment_id WHERE transfer_id = $1 AND kind = 'refunded'"""
HERE = ZoneInfo("America/El_Salvador")


@pytest.fixture(scope="module", autouse=True)
def desk(running_cluster: LocalCluster) -> Iterator[None]:
    """Booking with a token, for nobody writes without one."""
    running_cluster.configure("booking", {"POSADA_API_TOKEN": TOKEN})
    yield
    running_cluster.configure("booking", {})


async def posada(cluster: LocalCluster, *words: str, code: int = 0) -> Any:
    """What a command of the group says, as JSON; where it fails, its sentence."""
    environment = os.environ | {"POSADA_BOOKING_URL": cluster.http("booking"), "POSADA_API_TOKEN": TOKEN}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "posada.main", "booking", *words, "--json"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode == code, (words, out, err)
    return json.loads(out) if code == 0 else err.decode()


async def time_for_reminders(cluster: LocalCluster, booking_id: str, timers: int) -> None:
    """Let the reminders that wait for a booking be due now, once they are so many, and wait until they are sent."""

    async def planned() -> bool:
        return len(await rows(cluster, "notifications", TIMERS, booking_id)) == timers

    await wait_for(planned, what=f"{timers} reminders to be planned", timeout_s=30)
    await rows(cluster, "notifications", BRING_FORWARD, booking_id)

    async def gone() -> bool:
        return not await rows(cluster, "notifications", DUE, booking_id)

    await wait_for(gone, what="the reminders to be sent", timeout_s=30)


async def known_to_conversations(cluster: LocalCluster, booking_id: str, name: str, wanted: object) -> None:
    """Wait until conversations knows a booking so."""

    async def known() -> bool:
        return [row[name] for row in await rows(cluster, "conversations", KNOWN, UUID(booking_id))] == [wanted]

    await wait_for(known, what=f"conversations to know {name} as {wanted}", timeout_s=30)


async def reminded(cluster: LocalCluster, booking_id: str) -> list[str]:
    """The days of arrival that a guest was reminded of."""
    return [
        row["occasion"].partition(":")[2] for row in await rows(cluster, "notifications", REMINDED, UUID(booking_id))
    ]


async def booked(cluster: LocalCluster, gateway: Gateway, wanted: dict[str, Any]) -> Event:
    """A confirmed booking, with everything at rest that follows it."""
    await gateway.pay([money_for(wanted)])
    outcome = await gateway.book(wanted)
    assert outcome.kind == "confirmed", outcome.body
    await until_at_rest(cluster)
    return outcome


async def event(gateway: Gateway, wanted: dict[str, Any], kind: str) -> Event:
    """The one event of a kind that a request's booking leads to."""
    name = wanted["request_id"]
    await wait_for(lambda: bool(gateway.of_request(name, kind)), what=f"the event {kind}", timeout_s=30)
    (found,) = gateway.of_request(name, kind)
    return found


async def told(cluster: LocalCluster, booking_id: str, occasion: str) -> list[str]:
    """By which channels the guest was told of something."""
    return sorted(row["channel"] for row in await rows(cluster, "notifications", TOLD, UUID(booking_id), occasion))


async def test_other_dates_take_the_reminders_the_rooms_and_the_conversation_along(
    cluster: LocalCluster, gateway: Gateway
) -> None:
    night = fresh_night(4)
    wanted = request(night)
    outcome = await booked(cluster, gateway, wanted)
    booking_id = outcome.body["booking_id"]
    moved = night + timedelta(days=1)
    code = outcome.body["rooms"][1]["code"]
    done = await posada(cluster, "change-dates", code, moved.isoformat(), (moved + timedelta(days=2)).isoformat())

    assert (done["status"], done["check_in"], done["revision"]) == ("CONFIRMED", moved.isoformat(), 1)
    assert (done["total"], done["balance"]) == ("1380.00", "690.00")
    said = await event(gateway, wanted, "modified")
    assert [one["room"] for one in said.body["rooms"]] == [one["room"] for one in outcome.body["rooms"]]
    await until_at_rest(cluster)
    await time_for_reminders(cluster, booking_id, 2)  # the old day's timer is still there, and finds that it is over
    await wait_for(
        lambda: _equals(reminded(cluster, booking_id), [moved.isoformat()]), what="the reminder", timeout_s=30
    )
    assert (
        len(await told(cluster, booking_id, "modified")) == len(set(await told(cluster, booking_id, "modified"))) >= 1
    )
    await known_to_conversations(cluster, booking_id, "check_in", moved)
    folio = ask(cluster.http("payments"), f"/bookings/{booking_id}/balance")
    assert (folio["total"], folio["balance"]) == ("1380.00", "690.00")
    (listed,) = await posada(cluster, "list", code)
    assert (listed["booking_id"], listed["balance"]) == (booking_id, "690.00")


async def _equals(found: Any, wanted: Any) -> bool:
    return bool(await found == wanted)


async def test_a_cancellation_frees_rooms_and_money_and_is_told_once(cluster: LocalCluster, gateway: Gateway) -> None:
    night = fresh_night()
    rooms, amount = [room("Matrimonial")] * 5, "862.50"
    wanted = request(night, rooms=rooms, amount=amount)
    money = money_for(wanted)
    await gateway.pay([money])
    outcome = await gateway.book(wanted)
    await until_at_rest(cluster)
    booking_id = outcome.body["booking_id"]
    fee = await posada(cluster, "fee", booking_id)
    assert (fee["rule"], fee["refund"]) == ("free", amount)
    done = await posada(cluster, "cancel", booking_id, "--fee", "12.50", "--reason", "ill")

    assert (done["status"], done["fee"]) == ("CANCELLED", "12.50")
    said = await event(gateway, wanted, "cancelled")
    assert (said.body["fee"], said.body["refund"]) == ("12.50", "850.00")
    await until_at_rest(cluster)
    await time_for_reminders(cluster, booking_id, 1)

    async def by_email() -> bool:
        return "email" in await told(cluster, booking_id, "cancelled")

    await wait_for(by_email, what="the e-mail that tells of the cancellation", timeout_s=30)
    channels = await told(cluster, booking_id, "cancelled")
    assert channels == sorted(set(channels))  # once by each
    await known_to_conversations(cluster, booking_id, "off", True)
    (refund,) = await rows(cluster, "payments", REFUNDED, money["transfer_id"])
    assert (refund["amount"], refund["reason"], str(refund["booking_id"])) == (Decimal("850.00"), "ill", booking_id)
    folio = ask(cluster.http("payments"), f"/bookings/{booking_id}/balance")
    assert (folio["total"], folio["fees"], folio["balance"]) == ("0.00", "12.50", "0.00")
    again = await posada(cluster, "cancel", booking_id, code=2)
    assert "CANCELLED cannot become CANCELLED" in again

    next_one = request(night, rooms=rooms, amount=amount)  # all five of them are free again
    other = (await booked(cluster, gateway, next_one)).body["booking_id"]
    await time_for_reminders(
        cluster, other, 1
    )  # behind the other's on the same partition: once this is heard, that was
    await wait_for(lambda: _equals(reminded(cluster, other), [night.isoformat()]), what="the reminder", timeout_s=30)
    assert await reminded(cluster, booking_id) == []


async def test_guests_arrive_tonight_and_leave(cluster: LocalCluster, gateway: Gateway) -> None:
    tonight = datetime.now(HERE).date()
    wanted = request(tonight)
    outcome = await booked(cluster, gateway, wanted)
    booking_id = outcome.body["booking_id"]
    codes = [one["code"] for one in outcome.body["rooms"]]

    first = await posada(cluster, "check-in", codes[0], "--code", codes[0], "--who", "Marta")
    assert first["status"] == "CHECKED_IN"
    assert "CHECKED_IN cannot become CANCELLED; allowed: CHECKED_OUT" in await posada(
        cluster, "cancel", codes[0], code=2
    )
    await posada(cluster, "check-in", booking_id)
    gone = await posada(cluster, "check-out", booking_id)

    assert (gone["status"], gone["balance"]) == ("CHECKED_OUT", "0.00")
    said = await event(gateway, wanted, "guest-checked-out")
    assert (said.body["reservation_codes"], said.body["last"]) == (codes, True)
    await until_at_rest(cluster)
    stays = await rows(
        cluster, "booking", "SELECT checked_in_by FROM stays WHERE booking_id = $1 ORDER BY line", UUID(booking_id)
    )
    assert [row["checked_in_by"] == "Marta" for row in stays] == [True, False, False]
    sql = "SELECT action FROM audit_log WHERE booking_id = $1 ORDER BY id"
    actions = [row["action"] for row in await rows(cluster, "booking", sql, UUID(booking_id))]
    assert actions == ["CREATE", "CONFIRM", "CHECK_IN", "CHECK_IN", "CHECK_OUT"]
