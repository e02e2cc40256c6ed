"""Camt.053 statements: what is money that arrived, what is passed over, and what is broken and why."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.payments.feeds.camt import CamtLayout, read_camt
from services.payments.feeds.lines import BrokenLine, Line, PassedOver
from shared.contracts.payments import TransferArrived

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def details(amount: str = "690.00", ref: str = "TX1", name: str = "Ana Paz", told: str = "Reserva 4711") -> str:
    return f"""<TxDtls><Refs><AcctSvcrRef>{ref}</AcctSvcrRef><EndToEndId>NOTPROVIDED</EndToEndId></Refs>
      <Amt Ccy="USD">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
      <RltdPties><Dbtr><Pty><Nm>{name}</Nm></Pty></Dbtr></RltdPties>
      <RmtInf><Ustrd>{told}</Ustrd></RmtInf></TxDtls>"""


def entry(
    *inside: str,
    amount: str = "690.00",
    way: str = "CRDT",
    status: str = "<Cd>BOOK</Cd>",
    more: str = "",
    day: str = "",
) -> str:
    return f"""<Ntry><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>{more}<Sts>{status}</Sts>
      <BookgDt><Dt>{day or "2025-03-14"}</Dt></BookgDt><AcctSvcrRef>E1</AcctSvcrRef>
      <NtryDtls>{"".join(inside)}</NtryDtls></Ntry>"""


def statement(*entries: str, head: str = "", namespace: str = NAMESPACE) -> bytes:
    told = f"""<?xml version="1.0" encoding="UTF-8"?>{head}<Document xmlns="{namespace}"><BkToCstmrStmt>
      <GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>1</Id>{"".join(entries)}</Stmt></BkToCstmrStmt></Document>"""
    return told.encode()


def read(*entries: str, **parts: Any) -> list[Line]:
    layout = CamtLayout(source="bac", property_id="las-hojas")
    return list(read_camt(io.BytesIO(statement(*entries, **parts)), layout))


@pytest.mark.parametrize("namespace", [NAMESPACE, "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"])
def test_a_booked_credit_is_money_that_arrived(namespace: str) -> None:
    assert read(entry(details()), namespace=namespace) == [
        TransferArrived(
            transfer_id="TX1",
            source="bac",
            property_id="las-hojas",
            amount=Decimal("690.00"),
            posted_on=date(2025, 3, 14),
            payer="Ana Paz",
            reference="Reserva 4711",
        )
    ]


def test_older_statements_name_the_payer_and_the_status_otherwise() -> None:
    older = details().replace("<Pty>", "").replace("</Pty>", "")
    (line,) = read(
        entry(older, status="BOOK", day="").replace("<Dt>2025-03-14</Dt>", "<DtTm>2025-03-14T09:00:00</DtTm>")
    )
    assert isinstance(line, TransferArrived)
    assert (line.payer, line.posted_on) == ("Ana Paz", date(2025, 3, 14))


def test_an_entry_that_sums_several_up_is_one_transfer_each() -> None:
    lines = read(entry(details("100.00", "A"), details("590.00", "B")))
    assert [(line.transfer_id, line.amount) for line in lines if isinstance(line, TransferArrived)] == [
        ("A", Decimal("100.00")),
        ("B", Decimal("590.00")),
    ]


def test_several_without_ids_of_their_own_are_told_apart_by_their_place() -> None:
    same = details(ref="E1")
    lines = read(entry(same, same, amount="1380.00"))
    assert [line.transfer_id for line in lines if isinstance(line, TransferArrived)] == ["E1/1", "E1/2"]


def test_what_names_no_id_at_all_gets_one_of_its_facts() -> None:
    bare = entry(details(ref="")).replace("<AcctSvcrRef>E1</AcctSvcrRef>", "")
    first, second = read(bare, bare)
    assert isinstance(first, TransferArrived)
    assert isinstance(second, TransferArrived)
    assert first.transfer_id.removesuffix("-1") == second.transfer_id.removesuffix("-2")


@pytest.mark.parametrize(
    "passed_over",
    [
        entry(details(), way="DBIT"),
        entry(details(), status="<Cd>PDNG</Cd>"),
        entry(details(), more="<RvslInd>true</RvslInd>"),
        entry(details("0"), amount="0"),
    ],
)
def test_debits_reversals_and_what_is_pending_are_passed_over(passed_over: str) -> None:
    passed, good = read(passed_over, entry(details()))
    assert isinstance(passed, PassedOver)
    assert isinstance(good, TransferArrived)


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (entry(details(), amount="six"), "amount"),
        (entry(details(), amount="1.005"), "amount"),
        (entry(details(), details()), "amount"),
        (entry(details(), day="14/03/2025"), "posted_on"),
        (entry(details()).replace('Ccy="USD"', 'Ccy="dollars"'), "currency"),
        (entry(details(ref="X" * 101)), "transfer_id"),
    ],
)
def test_a_broken_entry_is_told_and_the_rest_goes_in(broken: str, field: str) -> None:
    good, line, last = read(entry(details(ref="first")), broken, entry(details(ref="last")))
    assert isinstance(line, BrokenLine)
    assert (line.number, line.field) == (2, field)
    assert line.remedy
    assert isinstance(good, TransferArrived)
    assert isinstance(last, TransferArrived)


def test_long_prose_is_cut_between_words() -> None:
    (line,) = read(entry(details(told="word " * 60)))
    assert isinstance(line, TransferArrived)
    assert line.reference == "word " * 19 + "word"


@pytest.mark.parametrize(
    ("head", "inside"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>', "&b;"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "&a;"),
        ('<!DOCTYPE x SYSTEM "http://example.com/x.dtd">', ""),
    ],
)
def test_entities_and_dtds_are_refused(head: str, inside: str) -> None:
    (broken,) = read(entry(details(told=inside)), head=head)
    assert isinstance(broken, BrokenLine)
    assert (broken.field, "DTD" in broken.remedy) == ("file", True)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"no xml",
        b"<Document/>",
        statement(entry(details()))[:-60],
        b"\xff\xfe\x00",
        b"<Ntry/>",
        b'<?xml version="1.0" encoding="no-such"?><Document/>',
        b'<?xml version="1.0" encoding="shift_jis"?><Document/>',
    ],
)
def test_a_file_that_is_no_statement_is_told(file: bytes) -> None:
    *_, broken = read_camt(io.BytesIO(file))
    assert isinstance(broken, BrokenLine)
    assert broken.field == "file"


def test_an_empty_statement_is_in_order() -> None:
    assert read() == []


def test_a_statement_is_read_as_it_comes() -> None:
    """Entries are forgotten once they are read: the first comes out before the rest is there."""

    class Endless(io.RawIOBase):
        begun = False
        number = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            head = b"" if self.begun else statement().partition(b"</Stmt>")[0]
            self.begun = True
            self.number += 1
            return head + "".join(entry(details(ref=f"TX{self.number}-{place}")) for place in range(20)).encode()

    lines = read_camt(Endless())  # type: ignore[arg-type]
    assert all(isinstance(next(lines), TransferArrived) for _ in range(1000))
