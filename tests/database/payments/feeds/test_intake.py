"""What comes in is counted where it is taken, and money that is lost or invented before the ledger is found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import posada.audit.rules  # noqa: F401  # declares every invariant
from posada.audit.invariant import ALL, AuditTime, OfDatabase
from services.payments.feeds import history
from services.payments.feeds.csv import CsvLayout
from services.payments.feeds.folder import WatchedFolder
from services.payments.feeds.store import RecordedFiles
from services.payments.requests.search_handlers import transfer_arrived
from services.payments.transfers import intake as intake_module
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.contracts.payments import TransferArrived
from shared.database.pool import Database
from tests.database.payments.feeds.test_sources import HEADING, Feeding, recorded, rows
from tests.support.builders.payments import NOW, Ticking, transfer
from tests.support.sagas.payments_service import House

INTAKE = ("lines-are-accounted", "arrived-is-what-came-in", "import-arrives")
FILE = HEADING + "T1,690.00,2025-03-14,,,,\nT2,-5.00,2025-03-14,,,,\nT3,69o,2025-03-14,,,,\n"
BARE = "amount,posted_on,payer\n690.00,2025-03-14,Peña\n115.00,2025-03-14,Ana\n"


async def findings(database: Database, now: datetime = NOW + timedelta(days=1)) -> list[str]:
    """What the auditor finds of money that came in."""
    found = []
    for invariant in (ALL[name] for name in INTAKE):
        assert isinstance(invariant, OfDatabase)
        for row in await rows(database, invariant.query):
            found += [finding.invariant for finding in invariant.check(row, AuditTime(now))]
    return found


def losing(uow: UnitOfWork, line: TransferArrived, now: datetime) -> Sends:
    """A handler that loses a line."""
    return [] if line.transfer_id == "T1" else transfer_arrived(uow, line, now)


async def read(
    database: Database, folder: Path, content: str, *, handler: Any = transfer_arrived, **layout: Any
) -> Any:
    """Put a file into the folder, and read it in a layout."""
    file = folder / "a.csv"
    file.write_text(content, encoding="utf-8")
    os.utime(file, (0, 0))
    given = CsvLayout.model_validate({"source": "bac"} | layout)
    source = WatchedFolder("folder", folder, given, clock=Ticking(), history=RecordedFiles(database))
    feeding = Feeding(database, source)
    feeding.keeper._record_transfer = handler
    (done,) = await feeding.keeper.synchronise()
    assert done.problem is None
    return done


async def test_each_line_of_a_file_is_counted_with_its_reason(database: Database, tmp_path: Path) -> None:
    await read(database, tmp_path, FILE)
    (row,) = await rows(database, "SELECT * FROM intake")
    assert (row["source"], row["file"], row["seen"], row["taken"], row["known"]) == ("bac", "a.csv", 3, 1, 0)
    assert (row["passed"], row["broken"]) == (1, 1)
    assert row["reasons"] == {"passed over: debit": 1, "broken: amount": 1}
    assert row["amounts"] == {"USD": "690.00"}
    for _ in range(3):
        await read(database, tmp_path, FILE)
    again = await rows(database, "SELECT * FROM intake WHERE taken = 0")
    assert [(one["seen"], one["known"]) for one in again] == [(3, 1)], "what brings nothing new is noted once"
    assert await findings(database) == []


async def test_money_that_is_lost_before_the_ledger_is_found(database: Database, tmp_path: Path) -> None:
    await read(database, tmp_path, FILE, handler=losing)
    assert await recorded(database) == set()
    assert await findings(database) == ["arrived-is-what-came-in"]


async def test_without_the_count_of_what_was_told_the_loss_is_not_seen(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof that the test above tests something: here only what was recorded is counted, which is nothing."""
    monkeypatch.setattr(UnitOfWork, "came_in", lambda *_: [])
    await read(database, tmp_path, FILE, handler=losing)
    assert await findings(database) == []


async def test_money_that_nobody_told_of_is_found(database: Database, tmp_path: Path) -> None:
    def inventing(uow: UnitOfWork, line: TransferArrived, now: datetime) -> Sends:
        return [*transfer_arrived(uow, line, now), *transfer_arrived(uow, transfer("more", source="bac"), now)]

    await read(database, tmp_path, FILE, handler=inventing)
    assert await findings(database) == ["arrived-is-what-came-in"]


async def test_what_comes_by_kafka_and_at_a_correction_is_counted(house: House) -> None:
    await house.tell(transfer("A"), transfer("B", "5.00", currency="EUR"))
    await house.tell(transfer("A"))
    found = await rows(house.database, "SELECT source, seen, taken, amounts FROM intake")
    assert [dict(row) for row in found] == [
        {"source": "kafka", "seen": 2, "taken": 2, "amounts": {"USD": "690.00", "EUR": "5.00"}}
    ]
    assert await findings(house.database) == []


async def noted(house: House, ids: Sequence[str]) -> None:
    file = {"source": "bac", "file": "march.csv", "digest": "d", "layout": "l", "line": 0}
    await house.put("/payment-feeds/intake", {**file, "seen": len(ids), "sent": list(ids)})


async def test_what_an_import_sent_on_is_missed_once_it_is_overdue(house: House) -> None:
    await house.tell(transfer("A", source="bac"))
    await noted(house, ["A", "B"])
    await noted(house, ["A", "B"])  # told again
    assert await findings(house.database, NOW) == [], "it may be on its way"
    assert await findings(house.database) == ["import-arrives"]
    await house.tell(transfer("B", source="bac"))
    assert await findings(house.database) == []


async def test_the_same_file_under_another_layout_is_told(database: Database, tmp_path: Path) -> None:
    await read(database, tmp_path, BARE, encoding="cp1252")
    assert len(await recorded(database)) == 2
    for layout in ({}, {"source": "other"}, {"encoding": "utf-8"}):
        done = await read(database, tmp_path, BARE, **layout)
        assert (done.lines, done.broken) == (1, 1)
    assert len(await recorded(database)) == 2
    broken = await rows(database, "SELECT problem FROM broken_lines WHERE field = 'file'")
    assert all("taken before under another layout: 2 lines" in row["problem"] for row in broken)
    await read(database, tmp_path, BARE, encoding="cp1252")
    assert len(await recorded(database)) == 2, "under the first layout it is the same file again"


async def test_a_layout_that_was_mended_takes_what_the_first_one_could_not(database: Database, tmp_path: Path) -> None:
    months = "amount,posted_on\n1.00,14/03/2025\n2.00,14-DIC-2025\n"
    await read(database, tmp_path, months, date_format="%d/%m/%Y")
    assert len(await recorded(database)) == 1
    both = months.replace("14/03/2025", "14-MAR-2025")
    await read(database, tmp_path, both, date_format="%d-%b-%Y")
    assert len(await recorded(database)) == 2


async def test_a_mended_layout_reads_the_very_same_file(database: Database, tmp_path: Path) -> None:
    file = 'amount,posted_on\n1.00,2025-03-14\n"1.234,00",2025-03-14\n'
    await read(database, tmp_path, file)
    await read(database, tmp_path, file, method="bank_transfer")
    assert len(await recorded(database)) == 1


async def test_without_the_history_the_same_file_counts_twice(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof that the guard against another layout is one."""
    await read(database, tmp_path, BARE)
    monkeypatch.setattr("services.payments.feeds.folder.counts_twice", lambda *_: None)
    await read(database, tmp_path, BARE, source="other")
    assert len(await rows(database, "SELECT FROM payments")) == 4


def test_lines_of_one_source_are_counted_from_what_it_said() -> None:
    lines = [transfer("A"), transfer("A"), transfer("B"), transfer("C", currency="EUR")]
    found = intake_module.intake_of(
        intake_module.Origin("kafka"), lines, {intake_module.payment_id_of("kafka", "B")}, NOW, seen=4
    )
    assert (found.taken, found.known, found.amounts) == (2, 2, {"USD": "690.00", "EUR": "690.00"})


def test_a_file_is_not_read_only_where_something_would_count_twice() -> None:
    assert history.counts_twice(2, 2) is None
    assert history.counts_twice(2, 3) is None
    assert history.counts_twice(2, 1) is not None
