"""Feeds over HTTP: how they are, what is known, and how a broken line is corrected."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.payments import PaymentReserved
from shared.database.pool import Database
from tests.support.builders.payments import reserve, transfer
from tests.support.sagas.payments_service import House

HEADING = "transfer_id,amount,posted_on,payer,reference,currency,authorization_number\n"
RIGHT = {"transfer_id": "T2", "amount": "690.00", "currency": "USD", "posted_on": "2025-03-14"}


@pytest.fixture
async def reading(database: Database, payments_url: str, tmp_path: Path) -> AsyncIterator[House]:
    house = House(database, payments_url, feed_folder=tmp_path)
    file = tmp_path / "march.csv"
    file.write_text(HEADING + "T1,5.00,2025-03-14,,,,\nT2,69o.00,2025-03-14,,,,\n")
    os.utime(file, (0, 0))
    async with house.client:
        yield house


async def broken(house: House) -> Any:
    return await house.get("/payment-feeds/broken-lines")


async def test_a_broken_line_is_corrected_and_serves_who_waits_for_it(reading: House) -> None:
    await reading.tell(reserve())
    (line,) = await broken(reading)
    assert (line["file"], line["number"], line["field"]) == ("march.csv", 3, "amount")
    assert line["line"] == "T2,69o.00,2025-03-14,,,,"
    assert line["remedy"]
    path = f"/payment-feeds/broken-lines/{line['id']}/correction"
    for _ in range(2):  # asked twice, taken once
        assert await reading.put(path, {"staff": "Marta", "transfer": RIGHT}) == {"status": "taken"}
    assert "PaymentReserved" in [type(one).__name__ for one in await reading.sent()]
    assert await broken(reading) == []
    assert await reading.reserved() == 690
    other = await reading.put(path, {"staff": "Marta", "transfer": RIGHT | {"amount": "1.00"}}, 422)
    assert other["error"]["reason"] == "recorded_otherwise"


async def test_a_line_that_is_no_money_is_put_aside(reading: House) -> None:
    (done,) = await reading.put("/payment-feeds/synchronise", {})
    assert (done["source"], done["lines"], done["broken"]) == ("folder", 2, 1)
    (line,) = await broken(reading)
    path = f"/payment-feeds/broken-lines/{line['id']}/correction"
    assert await reading.put(path, {"staff": "Marta"}) == {"status": "put aside"}
    assert await broken(reading) == []
    (feed,) = await reading.get("/payment-feeds")
    assert (feed["source"], feed["problem"]) == ("folder", None)


async def test_what_is_known_is_told(house: House) -> None:
    await house.tell(transfer("A"), transfer("B"))
    asked = {"source": "kafka", "transfer_ids": ["A", "B", "C"]}
    assert set(await house.put("/payments/known", asked)) == {"A", "B"}
    assert await house.put("/payments/known", asked | {"source": "bank"}) == []


@pytest.mark.parametrize("path", ["/payment-feeds/synchronise", f"/payment-feeds/broken-lines/{'0' * 32}/correction"])
async def test_only_who_shows_the_token_writes(house: House, path: str) -> None:
    answer = await house.client.post(path, json={"staff": "x"}, headers={"Authorization": "Bearer guessed"})
    assert answer.status_code == 401


async def test_a_line_of_nobody_is_not_found(house: House) -> None:
    await house.put(f"/payment-feeds/broken-lines/{'0' * 32}/correction", {"staff": "Marta"}, 404)


async def test_money_in_the_folder_is_found_at_the_first_look(reading: House) -> None:
    (reply,) = [one for one in await reading.tell(reserve(amount="5.00")) if isinstance(one, PaymentReserved)]
    assert reply.found_later is False


async def test_lines_that_others_found_broken_are_kept_once(house: House) -> None:
    line = {"number": 3, "field": "amount", "problem": "69o is no amount", "remedy": "correct it", "line": "T2,69o,,"}
    for _ in range(2):
        told = {"source": "bac", "file": "march.csv", "lines": [line]}
        assert await house.put("/payment-feeds/broken-lines", told) == {"kept": 1}
    (kept,) = await broken(house)
    assert {name: kept[name] for name in (*line, "source", "file")} == line | {"source": "bac", "file": "march.csv"}
    nulls = {"source": "bac", "file": "march.csv", "lines": [line | {"remedy": "a\0b"}]}
    await house.put("/payment-feeds/broken-lines", nulls, 422)


async def test_what_is_recorded_is_compared_with_what_is_told_now(house: House) -> None:
    await house.tell(transfer("A", payer="Ana Paz"), transfer("B"))
    again = [transfer("A", payer="ANA  PAZ"), transfer("B", "1.00", currency="EUR"), transfer("C")]
    told = {"transfers": [one.model_dump(mode="json", exclude_none=True) for one in again]}
    found = {one["transfer_id"]: one["differences"] for one in await house.put("/payment-feeds/compare", told)}
    assert found == {
        "A": [],
        "B": ["amount was recorded as 690.00, and is now 1.00", "currency was recorded as USD, and is now EUR"],
    }
