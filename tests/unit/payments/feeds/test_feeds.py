"""Bank files: what is taken, what is broken and why, and that no line counts twice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from services.payments.feeds.csv import CsvLayout, read_csv
from services.payments.feeds.lines import BrokenLine, Line, PassedOver
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import TransferArrived

HEADING = "transfer_id,amount,posted_on,payer,reference,currency,authorization_number"
BAC = CsvLayout(
    source="bac",
    delimiter=";",
    encoding="cp1252",
    decimal_comma=True,
    date_format="%d/%m/%Y",
    property_id="las-hojas",
    columns={"amount": "Crédito", "posted_on": "FECHA", "payer": "Ordenante", "reference": "Referencia"},
)


def read(*lines: str, layout: CsvLayout | None = None) -> list[Line]:
    encoding = layout.encoding if layout else "utf-8"
    return list(read_csv(io.BytesIO("\n".join(lines).encode(encoding)), layout))


def taken(*lines: str, layout: CsvLayout | None = None) -> list[TransferArrived]:
    return [line for line in read(*lines, layout=layout) if isinstance(line, TransferArrived)]


def test_a_plain_file_becomes_money_that_arrived() -> None:
    (line,) = taken(HEADING, 'T1,"1,690.00",2025-03-14, Ana Paz ,77,usd,')
    assert line == TransferArrived(
        transfer_id="T1",
        source="csv",
        amount=Decimal("1690.00"),
        posted_on=date(2025, 3, 14),
        payer="Ana Paz",
        reference="77",
    )


def test_a_line_with_an_authorisation_number_is_a_card() -> None:
    (line,) = taken(HEADING, "T1,5,2025-03-14,,,,A7")
    assert (line.method, line.authorization_number) == (PaymentMethod.CARD_LINK, "A7")


def test_a_new_bank_is_a_new_layout() -> None:
    (line,) = taken("Fecha;Crédito;Saldo;Ordenante", "14/03/2025;1.690,50;2,00;José Peña", layout=BAC)
    assert (line.amount, line.posted_on, line.payer) == (Decimal("1690.50"), date(2025, 3, 14), "José Peña")
    assert (line.source, line.property_id) == ("bac", "las-hojas")


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ("T1,five,2025-03-14,,,,", "amount", "what stands there is no amount"),
        ("T1,1.005,2025-03-14,,,,", "amount", "2 decimal places"),
        ('T1,"1,50",2025-03-14,,,,', "amount", "no amount like 1,234.50"),
        ("T1,99999999999,2025-03-14,,,,", "amount", "digits"),
        (f"T1,{'9' * 40},2025-03-14,,,,", "amount", "digits"),
        ("T1,5,14/03/2025,,,,", "posted_on", "no date like %Y-%m-%d"),
        ("T1,5,2025-02-30,,,,", "posted_on", "no date like"),
        ("T1,5", "posted_on", "nothing is no date"),
        ("T1,5,2025-03-14,,,dollars,", "currency", "match"),
        ("T1,1,50,2025-03-14,,,,", "line", "8 cells, the heading 7"),
        ('T1,5,2025-03-14,"Ana,,,', "line", "end of data"),
        (f"{'T' * 101},5,2025-03-14,,,,", "transfer_id", "100 characters"),
    ],
)
def test_a_broken_line_is_told_and_the_rest_goes_in(line: str, field: str, said: str) -> None:
    broken, good = read(HEADING, "", line, "T2,5,2025-03-14,,,,")
    assert isinstance(broken, BrokenLine)
    assert (broken.number, broken.field, broken.text) == (3, field, line)
    assert said in broken.problem
    assert broken.remedy
    assert isinstance(good, TransferArrived)


def test_bytes_of_another_encoding_break_their_line_where_they_decide() -> None:
    file = f"{HEADING}\nT1,5,2025-03-14,Peña,,,\nTñ,5,2025-03-14,Pena,,,\n".encode("cp1252")
    good, broken = read_csv(io.BytesIO(file))
    assert isinstance(good, TransferArrived)
    assert good.payer == "Pe\ufffda", "what only describes keeps no money out"
    assert isinstance(broken, BrokenLine)
    assert (broken.number, broken.field) == (3, "encoding")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("T1,,2025-03-14,,,,", "without an amount"),
        ("T1,-5,2025-03-14,,,,", "debit"),
        ("T1,0,2025-03-14,,,,", "zero"),
        ("TOTAL,5,,,,,", "total"),
    ],
)
def test_what_is_no_money_that_came_in_is_passed_over_with_its_reason(line: str, reason: str) -> None:
    passed, good = read(HEADING, line, "T2,5,2025-03-14,,,,")
    assert passed == PassedOver(2, reason)
    assert isinstance(good, TransferArrived)


def test_a_column_that_is_empty_on_every_line_is_told() -> None:
    *_, last = read(HEADING, "T1,,2025-03-14,,,,", "T2,,2025-03-14,,,,")
    assert isinstance(last, BrokenLine)
    assert "none of 2 lines has an amount" in last.problem


@pytest.mark.parametrize("file", [b"", b"\n\n", b"a,b\n1,2\n", HEADING.replace(",", ";").encode(), b"\xff\xfe\x00"])
def test_a_file_without_a_useful_heading_is_told_once(file: bytes) -> None:
    (broken,) = read_csv(io.BytesIO(file))
    assert isinstance(broken, BrokenLine)


def test_an_encoding_that_breaks_off_is_told() -> None:
    file = f"{HEADING}\nT1,5,2025-03-14,,,,\n".encode("utf-16")[:-1]
    *_, last = read_csv(io.BytesIO(file), CsvLayout(encoding="utf-16"))
    assert isinstance(last, BrokenLine)
    assert last.field == "encoding"


def test_blank_lines_and_empty_cells_are_passed_over() -> None:
    assert len(read(HEADING, ",,,,,,", "  ", "T1,5,2025-03-14,,,,", ",,,,,,")) == 1


def test_lines_without_an_id_are_told_apart_by_their_facts_and_their_number() -> None:
    one, again, other = taken(HEADING, ",5,2025-03-14,Ana,,,", ",5.00,2025-03-14,Ana,,USD,", ",6,2025-03-14,Ana,,,")
    assert one.transfer_id.removesuffix("-1") == again.transfer_id.removesuffix("-2")
    assert one.transfer_id != other.transfer_id


def test_a_file_that_begins_within_a_day_makes_no_money_of_its_own() -> None:
    """Its equal line counts as the first: rather money that is looked for than money that never came (decision 30)."""
    line = ",5,2025-03-14,Ana,,,"
    whole = {one.transfer_id for one in taken(HEADING, line, line)}
    part = {one.transfer_id for one in taken(HEADING, line)}
    assert part < whole


lines = some.lists(some.sampled_from([",5,2025-03-14,Ana,,,", ",6,2025-03-14,,,,", ",7,2025-03-15,,,,"]), max_size=12)


@given(lines, lines)
def test_files_that_overlap_hold_each_transfer_once(days: list[str], more: list[str]) -> None:
    first, second = ({line.transfer_id for line in taken(HEADING, *file)} for file in (days, [*days, *more]))
    assert first <= second
    assert len(second) == len(days) + len(more)


def test_a_file_is_read_as_it_comes_and_stays_open() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            line = f"{HEADING}\n".encode() if not hasattr(self, "begun") else b"T1,5,2025-03-14,,,,\n"
            self.begun = True
            buffer[: len(line)] = line
            return len(line)

    stream = io.BufferedReader(Endless())
    arriving: Iterator[Line] = read_csv(stream)
    assert [next(arriving) for _ in range(3)]
    arriving.close()  # type: ignore[attr-defined]
    assert not stream.closed


def test_a_layout_is_checked_before_any_file_is_opened() -> None:
    with pytest.raises(ValidationError, match="try utf-8-sig or cp1252"):
        CsvLayout(encoding="klingon")
    with pytest.raises(ValidationError):
        CsvLayout(delimiter=";;")
