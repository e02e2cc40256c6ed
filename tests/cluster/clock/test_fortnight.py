"""Two weeks of a hotel in a minute: each thing happens once, at its time and in its order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from posada.cluster.cluster import LocalCluster
from tests.support.builders.cluster_requests import money_for, request, with_slip
from tests.support.cluster.days import Days
from tests.support.cluster.front_desk import command
from tests.support.cluster.gateway import REQUESTS, Gateway, rows
from tests.support.oracle import until_at_rest

HERE = ZoneInfo("America/El_Salvador")
SENT = """
SELECT booking_id, split_part(occasion, ':', 1) AS occasion, channel, created_at FROM deliveries
WHERE audience = 'guest' AND status = 'stored' AND booking_id = ANY($1) ORDER BY created_at, number"""
HOLD = "SELECT state, expires_at FROM holds WHERE booking_id = $1"
# Day, local time, guest and occasion. The search for Eva's money has two attempts at 5 minutes, two at 15, 26 an hour.
EXPECTED = [
    (0, "12:00", "Ana", "confirmed"),
    (0, "12:00", "Eva", "payment_search"),
    (0, "12:00", "Luis", "confirmed"),
    (0, "12:10", "Eva", "payment_search"),
    (0, "12:40", "Eva", "payment_search"),
    (1, "14:40", "Eva", "failed"),
    (2, "10:00", "Ana", "arrival_reminder"),
    (3, "15:00", "Ana", "check_in"),
    (5, "08:00", "Ana", "departure_reminder"),
    (5, "09:00", "Ana", "check_out"),
    (5, "10:00", "Luis", "arrival_reminder"),
    (6, "10:00", "Ana", "feedback"),
    (7, "08:00", "Luis", "departure_reminder"),
]
NOON, MORNING, ARRIVAL = time(12), time(9), time(15)


@dataclass(frozen=True)
class Hotel:
    """What the test does at the hotel, on days that are counted from the first, by local time."""

    cluster: LocalCluster
    gateway: Gateway
    days: Days
    first: date

    def at(self, day: int, hour: time = NOON) -> datetime:
        """A moment."""
        return datetime.combine(self.first + timedelta(days=day), hour, HERE)

    def when(self, moment: datetime) -> tuple[int, str]:
        """The day and the local time of a moment."""
        local = moment.astimezone(HERE)
        return (local.date() - self.first).days, f"{local:%H:%M}"

    async def until(self, day: int, hour: time = NOON) -> None:
        """Let time pass until then."""
        await self.days.pass_until(self.at(day, hour))

    def wish(self, day: int, nights: int = 1, **more: Any) -> dict[str, Any]:
        """A request for these nights."""
        dates = {"check_in": self.first + timedelta(days=day), "check_out": self.first + timedelta(days=day + nights)}
        return request(self.first, **{name: night.isoformat() for name, night in dates.items()}, **more)

    async def booked(self, wanted: dict[str, Any]) -> str:
        """The id of a confirmed booking."""
        await self.gateway.pay([money_for(wanted)])
        outcome = await self.gateway.book(wanted)
        assert outcome.kind == "confirmed", outcome.body
        return str(outcome.body["booking_id"])


async def test_a_fortnight_passes(cluster: LocalCluster, gateway: Gateway, days: Days) -> None:
    hotel = Hotel(cluster, gateway, days, (cluster.clock() + timedelta(days=1)).astimezone(HERE).date())
    await hotel.until(0)
    ana = await hotel.booked(hotel.wish(3, nights=2, amount="1380.00"))
    luis = await hotel.booked(hotel.wish(6))
    unpaid = with_slip(hotel.wish(9), hotel.first)
    await gateway.publish(REQUESTS, unpaid)

    await hotel.until(1)
    eva = str(gateway.of_request(unpaid["request_id"])[0].body["booking_id"])
    [hold] = await rows(cluster, "availability", HOLD, eva)
    assert (hold["state"], hold["expires_at"] > cluster.clock()) == ("held", True)
    await hotel.until(2)
    [hold] = await rows(cluster, "availability", HOLD, eva)
    assert hold["state"] == "released"
    assert await command(cluster, ana, "check-in") == "too_early"
    await hotel.until(3, ARRIVAL)
    assert await command(cluster, ana, "check-in") == "CHECKED_IN"
    await hotel.until(5, MORNING)
    assert await command(cluster, ana, "check-out") == "CHECKED_OUT"
    assert await command(cluster, luis, "no-show") == "too_early"
    await hotel.until(7, MORNING)
    assert await command(cluster, luis, "no-show") == "NO_SHOW"
    await hotel.until(14)

    sent = await rows(cluster, "notifications", SENT, [ana, luis, eva])
    names = {ana: "Ana", luis: "Luis", eva: "Eva"}
    by_email = [
        (*hotel.when(one["created_at"]), names[str(one["booking_id"])], one["occasion"])
        for one in sent
        if one["channel"] == "email"
    ]
    assert sorted(by_email) == EXPECTED
    by_chat = Counter((one["booking_id"], one["occasion"]) for one in sent if one["channel"] == "whatsapp")
    assert {*by_chat.values()} == {1, 3}, "once each; of the search by its three stages"
    await until_at_rest(cluster)
