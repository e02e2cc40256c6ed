"""Files and messages of tests/support/cases on a real database: over the folder, over Kafka, and told twice."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.payments.feeds.folder import WatchedFolder
from services.payments.feeds.formats import format_of
from services.payments.requests.search_handlers import source_told
from shared.contracts.payments import TransferArrived
from shared.database.pool import Database
from tests.database.payments.feeds.test_sources import Feeding, rows
from tests.support.bank_cases import CASES, layout_of
from tests.support.builders.payments import Ticking
from tests.support.sagas.payments_service import House
from tests.unit.payments.feeds.test_camt import entry, statement


class Bank:
    """A folder of bank files that payments reads."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.clock = database, folder, Ticking()

    async def give(self, case: str, name: str, **layout: Any) -> Any:
        """Put a file of a case there, and read it."""
        return await self.give_file(name, (CASES / case / name).read_bytes(), **layout_of(case) | layout)

    async def give_file(self, name: str, content: bytes, **given: Any) -> Any:
        """Put a file there, and read it."""
        (self.folder / name).write_bytes(content)
        os.utime(self.folder / name, (0, 0))
        written = format_of(name)
        assert written, f"no bank writes {name}"
        source = WatchedFolder("folder", self.folder, written.layout.model_validate(given), clock=self.clock)
        feeding = Feeding(self.database, source)
        feeding.keeper._record_transfer = source_told
        (done,) = await feeding.keeper.synchronise()
        assert done.problem is None
        return await feeding.sent()

    async def amounts(self) -> list[Decimal]:
        return [row["amount"] for row in await rows(self.database, "SELECT amount FROM payments ORDER BY amount")]

    async def free(self) -> Decimal:
        sql = "SELECT coalesce(sum(amount), 0) AS free FROM payments WHERE has_money"
        free: Decimal = (await rows(self.database, sql))[0]["free"]
        return free


@pytest.fixture
def bank(database: Database, tmp_path: Path) -> Bank:
    return Bank(database, tmp_path)


@pytest.mark.parametrize(
    ("case", "names", "amounts"),
    [
        ("camt-052-intraday", ("a.xml", "b.xml"), [690, 690]),
        ("camt-054-beside-053", ("notification-054.xml", "statement-053.xml"), [805]),
        ("camt-054-beside-053", ("statement-053.xml", "notification-054.xml"), [805]),
        ("camt-account-ref-placeholder", ("a.xml", "a.xml"), [115, 115, 230]),
        ("camt-details-share-one-ref", ("a.xml", "a.xml"), [230, 230]),
        ("camt-pending-then-booked", ("a.xml", "b.xml", "b.xml"), [690]),
        ("csv-equal-lines", ("a.csv", "a.csv"), [115, 115]),
        ("csv-reference-not-unique", ("a.csv", "a.csv"), [115, 115, 115]),
    ],
)
async def test_what_came_in_counts_once(bank: Bank, case: str, names: tuple[str, ...], amounts: list[int]) -> None:
    for name in names:
        await bank.give(case, name)
    assert await bank.amounts() == amounts


@pytest.mark.parametrize("names", [("a.xml", "b.xml"), ("b.xml", "a.xml"), ("a.xml", "b.xml", "b.xml")])
async def test_a_credit_that_was_taken_back_leaves_nothing_to_book_on(bank: Bank, names: tuple[str, ...]) -> None:
    """Folder camt-reversal, in whatever order the files come."""
    sent = [await bank.give("camt-reversal", name) for name in names]
    assert await bank.amounts() == [690]
    assert await bank.free() == 0
    alerts = [one for some in sent for one in some if type(one).__name__ == "StaffAlerted"]
    assert [one.code for one in alerts] == ["transfer_reversed"]


async def test_a_statement_that_begins_with_the_newest_entry_loses_nothing(bank: Bank) -> None:
    """Of 690.00 the bank took 100.00 back; the file tells the second before the first."""
    back = entry(amount="100.00", way="DBIT", more="<RvslInd>true</RvslInd>", day="2025-03-15")
    await bank.give_file("a.xml", statement(back, entry()))
    assert await rows(bank.database, "SELECT FROM broken_lines") == []
    (row,) = await rows(bank.database, "SELECT amount, reversed FROM payments")
    assert (row["amount"], row["reversed"]) == (690, 100)


async def test_lines_that_wait_for_nothing_are_not_kept(bank: Bank) -> None:
    """Folder csv-debit-and-credit-columns: debits and a total are no work for anybody."""
    await bank.give("csv-debit-and-credit-columns", "a.csv")
    assert await bank.amounts() == [115, 690]
    assert await rows(bank.database, "SELECT FROM broken_lines") == []


async def test_text_that_describes_money_keeps_none_out(house: House) -> None:
    """Folder kafka-transfer-text-blocks-money, as it comes over Kafka."""
    lines = (CASES / "kafka-transfer-text-blocks-money" / "lines.jsonl").read_text("utf-8").splitlines()
    await house.tell(*(TransferArrived.from_wire(line.encode(), "") for line in lines))
    found = await rows(house.database, "SELECT transfer_id, payer, reference FROM payments ORDER BY transfer_id")
    told = {row["transfer_id"]: (row["payer"], row["reference"]) for row in found}
    assert told["K-nl"] == ("ANA LOPEZ", None)
    assert told["K-empty"] == (None, None)
    assert len(told["K-long"][1]) <= 100


@pytest.mark.parametrize("nothing", ["0", "NONREF", "NOTPROVIDED", "not provided", "--"])
def test_a_placeholder_is_no_id_on_kafka_either(nothing: str) -> None:
    told = json.dumps({"transfer_id": nothing, "amount": "5.00", "posted_on": "2026-11-27"})
    with pytest.raises(ValueError, match="there is no id"):
        TransferArrived.from_wire(told.encode(), "")
