"""Lists and searches of bookings over HTTP: pages, filters, cursors."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.builders.bookings import CHECK_IN
from tests.support.builders.lifecycle import Front, days

pytestmark = pytest.mark.real


async def many(front: Front, number: int) -> list[str]:
    """Bookings on days in a row, two a day, of guests with names of their own."""
    ids = []
    for n in range(number):
        guest = {"name": f"Guest {n:02} 100%", "email": f"guest_{n:02}@example.com"}
        ids.append(str(await front.confirmed(f"many {n}", guest=guest, **days(CHECK_IN + timedelta(days=n // 2), 1))))
    return ids


@pytest.mark.parametrize("sort", ["check_in", "-check_in", "created_at", "-created_at"])
async def test_pages_show_every_booking_once_in_its_order(front: Front, sort: str) -> None:
    ids = await many(front, 7)
    seen, cursor, sizes = [], None, []
    while True:
        page = await front.get("/bookings", sort=sort, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += page["bookings"]
        sizes.append(len(page["bookings"]))
        cursor = page["next"]
        if cursor is None:
            break
    assert sizes == [3, 3, 1]
    assert sorted(one["booking_id"] for one in seen) == sorted(ids)
    values = [one[sort.removeprefix("-")] for one in seen]
    assert values == sorted(values, reverse=sort.startswith("-"))
    assert seen[0]["guest"]["name"].startswith("Guest")


async def test_filters_and_searches(front: Front) -> None:
    ids = await many(front, 4)
    await front.post(f"/bookings/{ids[0]}/cancellation")
    codes = (await front.get(f"/bookings/{ids[2]}"))["codes"]

    async def found(**query: object) -> set[str]:
        return {one["booking_id"] for one in (await front.get("/bookings", **query))["bookings"]}

    assert await found(status="CANCELLED") == {ids[0]}
    assert await found(status=["CANCELLED", "CONFIRMED"]) == set(ids)
    assert await found(arrives_from=(CHECK_IN + timedelta(days=1)).isoformat()) == set(ids[2:])
    assert await found(leaves_until=(CHECK_IN + timedelta(days=1)).isoformat()) == set(ids[:2])
    assert await found(property_id="elsewhere") == set()
    assert await found(source="CHAT") == set(ids)
    assert await found(q=codes[2].lower()) == {ids[2]}
    assert await found(q="gUEST 03") == {ids[3]}
    assert await found(q="guest_01@") == {ids[1]}
    assert await found(q="00%") == set(ids)
    assert await found(q="%03") == set()
    assert await found(q="\0' OR true --") == set()


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0", "e30", "é"])
async def test_a_cursor_that_is_none_is_refused(front: Front, cursor: str) -> None:
    answer = await front.get("/bookings", 422, cursor=cursor)
    assert answer["error"]["details"]["field"] == "cursor"
