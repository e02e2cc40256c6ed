"""Rates: two that cover a night alike are refused by whatever way they come, and a quote shows which one counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from services.availability.app import build
from services.availability.seed import FOLDER, plant
from services.availability.settings import Settings
from shared.database.pool import Database
from shared.database.seeds import BrokenSeed
from tests.support.doubles.transport import MovedClock
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
TOKEN = "an edit's own token, hard to guess"  # noqa: S105 — of this test alone


@pytest.fixture
async def api(fresh_database: FreshDatabase) -> AsyncIterator[AsyncClient]:
    built = build(Settings(database_url=fresh_database("availability"), api_token=TOKEN), MovedClock())
    await built.database.open()
    transport, shown = ASGITransport(built.app()), {"Authorization": f"Bearer {TOKEN}"}
    async with AsyncClient(transport=transport, base_url="http://availability", headers=shown) as client:
        yield client
    await built.database.close()


async def put(api: AsyncClient, **record: Any) -> None:
    answer = await api.put("/catalogue/rate", json={"property_id": "las-hojas"} | record)
    assert answer.status_code == 200, answer.text


CHRISTMAS = {"first_night": "2026-12-20", "last_night": "2027-01-05", "season": "Navidad"}
PRICES = {"package": "las_hojas", "adult": "100", "child": "50", "extra_bed": "10"}


async def test_two_rates_of_which_neither_goes_before_the_other_are_refused_by_their_names(api: AsyncClient) -> None:
    await put(api, **PRICES, type="Junior")
    answer = await api.put("/catalogue/rate", json={"property_id": "las-hojas", **PRICES, **CHRISTMAS})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["reason"], error["details"]["field"], error["details"]["night"]) == (
        "rates_tie",
        "rank",
        "2026-12-20",
    )
    assert "bungalow_junior" in error["details"]["rates"][1]
    assert "Navidad" in error["details"]["rates"][0]
    await put(api, **PRICES, **CHRISTMAS, rank=1)
    await put(api, **PRICES | {"adult": "101"}, **CHRISTMAS, rank=1)  # a rate is no tie with itself


async def test_a_file_names_the_line_of_a_tie(api: AsyncClient) -> None:
    head = "record,property_id,package,type,first_night,last_night,adult,child,extra_bed,season,rank\n"
    lines = (
        "rate,las-hojas,las_hojas,Junior,,,100,50,10,,\n"
        "rate,las-hojas,las_hojas,,2026-12-20,2027-01-05,120,60,10,Navidad,\n"
        "rate,las-hojas,las_hojas,,2026-12-31,2026-12-31,150,75,10,Nochevieja,2\n"
    )
    came = (await api.post("/catalogue/import", content=(head + lines).encode())).json()
    assert (came["taken"], came["broken"]) == (2, 1)
    (broken,) = came["broken_lines"]
    assert (broken["number"], broken["field"], broken["remedy"]) == (3, "rank", "give one of them a higher rank")


async def test_two_editors_at_once_make_no_tie(api: AsyncClient) -> None:
    """Without the lock on the property both rates of a pair get in, in some of the rounds."""
    keys = [
        (package, type_) for package in ("las_hojas", "romantico") for type_ in ("Junior", "Familiar", "Matrimonial")
    ]
    for package, type_ in keys * 2:
        mine = {"property_id": "las-hojas", **PRICES, "package": package}
        wishes = [mine | {"type": type_}, mine | CHRISTMAS]
        answers = await asyncio.gather(*(api.put("/catalogue/rate", json=wish) for wish in wishes))
        assert sorted(answer.status_code for answer in answers) == [200, 422]
        for wish in wishes:
            key = {
                name: wish[name]
                for name in ("property_id", "package", "type", "first_night", "last_night")
                if name in wish
            }
            await api.delete("/catalogue/rate", params=key)


async def test_a_quote_shows_which_rate_counted(api: AsyncClient) -> None:
    await put(api, **PRICES, **CHRISTMAS)
    body = {"check_in": "2026-12-19", "check_out": "2026-12-21", "package": "Las Hojas"}
    room = {"type": "Junior", "adults": 1}
    (plan,) = (await api.post("/properties/las-hojas/quote", json=body | {"rooms": [room, room]})).json()["plans"]
    assert [(rate["season"], rate["adult"]) for rate in plan["rates"]] == [(None, "86.2500"), ("Navidad", "100.0000")]
    assert [[night["rate"] for night in room["nights"]] for room in plan["rooms"]] == [[1, 2], [1, 2]]


async def test_a_seed_with_a_tie_is_not_planted(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    text = next(FOLDER.glob("*.yaml")).read_text().replace("las-hojas", "playa").replace("is_default: true", "")
    tie = (
        '  - {package: las_hojas, type: bungalow_junior, adult: "1", child: "1", extra_bed: "1"}\n'
        "  - {package: las_hojas, first_night: 2026-12-20, last_night: 2027-01-05,"
        ' adult: "1", child: "1", extra_bed: "1"}\n'
    )
    (tmp_path / "playa.yaml").write_text(text.replace("\nsupplements:", f"{tie}\nsupplements:"))
    database = Database(fresh_database("availability"))
    await database.open()
    async with database.connection() as connection:
        with pytest.raises(BrokenSeed, match="give one of them a higher rank"):
            await plant(connection, tmp_path)
    await database.close()
