"""Tables as banks write them (the folders `csv-*` of tests/support/cases), and others of their kinds."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from services.payments.feeds.csv import CsvLayout
from services.payments.feeds.csv.amounts import read_amount
from services.payments.feeds.csv.dates import read_date
from services.payments.feeds.lines import Line
from tests.support.bank_cases import arrived, broken, ids, money, passed, read_as, read_case


def read(*lines: str, **layout: Any) -> list[Line]:
    return read_as("a.csv", "\n".join(lines), **layout)


@pytest.mark.parametrize(
    ("folder", "layout", "expected", "reasons"),
    [
        ("csv-bom-utf8", {}, ["690.00 USD"], []),
        ("csv-debit-and-credit-columns", {}, ["690.00 USD", "115.00 USD"], ["without an amount"] * 2 + ["total"]),
        ("csv-heading-over-two-lines", {}, ["690.00 USD"], []),
        ("csv-lines-before-heading", {}, ["690.00 EUR"], []),
        ("csv-lines-before-heading", {"heading_line": 8}, ["690.00 EUR"], []),
        ("csv-sep-line", {}, ["690.00 USD"], []),
        ("csv-sepa-long-purpose", {}, ["1690.00 EUR"], ["debit", "not final"]),
        ("csv-sepa-long-purpose", {"only": {"Info": ["Umsatz gebucht"]}}, ["1690.00 EUR"], None),
        ("csv-spanish-months", {}, ["10.00 USD"] * 4, []),
        ("csv-state-column", {}, ["690.00 USD"], ["not final"] * 2),
        ("csv-state-column", {"only": {"state": ["completed"]}}, ["690.00 USD"], None),
        ("csv-trailing-delimiter", {}, ["690.00 USD"], []),
        ("csv-utf16", {}, ["690.00 USD"], []),
    ],
)
def test_what_came_in_counts_and_the_rest_is_passed_over(
    folder: str, layout: dict[str, Any], expected: list[str], reasons: list[str] | None
) -> None:
    lines = read_case(folder, **layout)
    assert (money(lines), broken(lines)) == (expected, [])
    assert reasons is None or passed(lines) == reasons


def test_the_spellings_of_amounts() -> None:
    """Folder csv-amount-spellings."""
    lines = read_case("csv-amount-spellings")
    found = {line.transfer_id: f"{line.amount}" for line in arrived(lines)}
    assert found == {
        **{"q1": "690.00", "q2": "1690.00", "q3": "105690.00", "q4": "690.00", "q5": "690.00", "q8": "1690.00"},
        **{"q9": "1690.00", "q10": "690.00", "q11": "690.00", "q12": "0.50"},
    }
    assert (passed(lines), broken(lines)) == (["debit"] * 3, [])


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("US$ 690.00", "690.00", "USD"),
        ("690.00 EUR", "690.00", "EUR"),
        ("€690.00", "690.00", "EUR"),
        ("L. 690.00", "690.00", "HNL"),
        ("Q690.00", "690.00", "GTQ"),
        ("S/. 690.00", "690.00", "PEN"),
        ("Rs. 1,05,690.00", "105690.00", "INR"),
        ("690.00 Cr.", "690.00", ""),
        ("690.00 DR", "-690.00", ""),
        ("690.00-", "-690.00", ""),
        ("($690.00)", "-690.00", ""),
        ("690.00+", "690.00", ""),
        ("690.", "690", ""),
        ("1\u202f690.00", "1690.00", ""),
        ("1\u2019690.00", "1690.00", ""),
    ],
)
def test_other_spellings_of_amounts(text: str, amount: str, currency: str) -> None:
    found = read_amount(text, decimal_comma=False)
    assert found is not None
    assert (f"{found.amount:.2f}", found.currency) == (f"{float(amount):.2f}", currency)


@pytest.mark.parametrize(
    "text",
    [
        "1,50",
        "690,00",
        "690.000",
        "6 90.00",
        "1.2.3",
        "1,2,3",
        "12,34.00",
        "abc",
        "5 USD EUR",
        "--5",
        "-5 CR",
        "(5",
        "5)",
        "1e3",
        "USD",
        "5 5",
        "0x1",
        "1,,000.00",
    ],
)
def test_what_may_be_two_amounts_is_none(text: str) -> None:
    assert read_amount(text, decimal_comma=False) is None


@given(some.decimals(0, 10**9, places=2), some.sampled_from([(",", ".", False), (".", ",", True)]), some.booleans())
def test_an_amount_is_read_as_it_was_written(amount: Any, written: tuple[str, str, bool], grouped: bool) -> None:
    group, point, comma = written
    text = f"{amount:,.2f}" if grouped else f"{amount:.2f}"
    text = text.replace(",", "_").replace(".", point).replace("_", group)
    found = read_amount(text, decimal_comma=comma)
    assert found is not None
    assert found.amount == amount


@pytest.mark.parametrize(
    ("cell", "currency", "expected"),
    [
        ("690.00 EUR", "", ["690.00 EUR"]),
        ("690.00 EUR", "USD", []),
        ("€690.00", "USD", []),
        ("$690.00", "EUR", []),
        ("$690.00", "MXN", ["690.00 MXN"]),
        ("690.00", "€", ["690.00 EUR"]),
        ("690.00", "$", ["690.00 USD"]),
    ],
)
def test_the_currency_beside_an_amount_is_never_another(cell: str, currency: str, expected: list[str]) -> None:
    lines = read("amount,posted_on,currency", f"{cell},2026-11-27,{currency}")
    assert money(lines) == expected
    assert [line.field for line in broken(lines)] == ([] if expected else ["currency"])


def test_dates_as_banks_write_them() -> None:
    """Folder csv-dates: the day that there is none stays broken."""
    lines = read_case("csv-dates")
    assert [line.posted_on for line in arrived(lines)] == [date(2026, 3, 7)] * 3
    assert [line.number for line in broken(lines)] == [4]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("7.3.2026.", "%d.%m.%Y"),
        ("07/03/2026 14:22:05", "%d/%m/%Y"),
        ("2026-03-07T14:22:05-06:00", "%Y-%m-%d"),
        ("2026-03-07", "%Y-%m-%d %H:%M:%S"),
        ("7 de marzo de 2026", "%d de %B de %Y"),
        ("07-MAR-26", "%d-%b-%Y"),
        ("7. März 2026", "%d. %B %Y"),
        ("07 mars 2026", "%d %b %Y"),
        ("07 mar. 2026", "%d %b %Y"),
    ],
)
def test_other_dates(text: str, form: str) -> None:
    assert read_date(text, form) == date(2026, 3, 7)


@pytest.mark.parametrize("month", ["SET", "SEP", "sept.", "Septiembre", "september", "setembro"])
def test_one_month_in_many_words(month: str) -> None:
    assert read_date(f"01 {month} 2026", "%d %b %Y") == date(2026, 9, 1)


def test_a_date_is_never_guessed() -> None:
    assert read_date("03/07/26", "%d/%m/%Y") == date(2026, 7, 3)
    assert read_date("31/02/2026", "%d/%m/%Y") is None
    assert read_date("2026", "%d/%m/%Y") is None


def test_two_equal_lines_without_an_id_are_two() -> None:
    """Folder csv-equal-lines."""
    lines = read_case("csv-equal-lines")
    assert money(lines) == ["115.00 USD", "115.00 USD"]
    assert len(set(ids(lines))) == 2


def test_a_reference_that_stands_for_none_is_no_id() -> None:
    """Folder csv-reference-not-unique."""
    lines = read_case("csv-reference-not-unique")
    assert money(lines) == ["115.00 USD"] * 3
    assert len(set(ids(lines))) == 3


def test_a_word_that_stands_on_every_line_is_told() -> None:
    lines = read("transfer_id,amount,posted_on", *["TRANSFERENCIA,115.00,2026-11-27"] * 3)
    assert money(lines) == ["115.00 USD"]
    assert [line.field for line in broken(lines)] == ["transfer_id"] * 2


def test_a_heading_that_stands_twice_is_told() -> None:
    """Folder csv-heading-twice: never the other currency."""
    (line,) = broken(read_case("csv-heading-twice"))
    assert (line.number, line.field) == (2, "currency")
    assert line.remedy == "name one of them in the layout: Moneda#1 or Moneda#2"


def test_one_of_two_headings_can_be_chosen() -> None:
    columns = {"amount": "Monto", "posted_on": "Fecha", "currency": "Moneda#1"}
    assert money(read_case("csv-heading-twice", columns=columns)) == ["690.00 EUR"]
    missing = columns | {"currency": "Moneda#3"}
    assert money(read_case("csv-heading-twice", columns=missing)) == ["690.00 USD"]


def test_a_cell_may_stand_on_two_lines() -> None:
    """Folder csv-quoted-newline."""
    lines = read_case("csv-quoted-newline")
    assert (ids(lines), broken(lines)) == (["b1", "b2", "b3"], [])
    assert arrived(lines)[1].payer == "ANA LOPEZ"


def test_stray_quotation_marks_take_no_line_with_them() -> None:
    """Two strays would make one cell of what is between them; but that is a line by itself."""
    lines = read(
        "transfer_id,amount,posted_on,payer",
        'b1,1.00,2026-11-27,"ANA',
        "b2,2.00,2026-11-27,PEDRO",
        'b3,3.00,2026-11-27,JUAN"',
    )
    assert ids(lines) == ["b2", "b3"]
    assert [line.number for line in broken(lines)] == [2]


def test_a_long_purpose_is_made_fit() -> None:
    """Folder csv-sepa-long-purpose."""
    (line,) = arrived(read_case("csv-sepa-long-purpose"))
    assert line.reference is not None
    assert len(line.reference) <= 100
    assert line.payer == "LÓPEZ, ANA MARÍA"


def test_an_authorization_number_is_never_cut() -> None:
    heading = "transfer_id,amount,posted_on,authorization_number"
    lines = read(heading, f"a1,5.00,2026-11-27,{'9' * 101}", "a2,5.00,2026-11-27,0000")
    assert [line.field for line in broken(lines)] == ["authorization_number"]
    assert [line.authorization_number for line in arrived(lines)] == [None]


def test_what_decoding_or_shortening_loses_still_tells_two_lines_apart() -> None:
    heading = b"amount,posted_on,reference\n"
    files = [heading + b"5.00,2026-11-27," + one + b"\n" for one in (b"REF\xd1", b"REF\xd3", b"x" * 120, b"x" * 121)]
    lines = [read_as("a.csv", file) for file in files]
    assert [len(arrived(one)) for one in lines] == [1] * 4
    assert len({ids(one)[0] for one in lines}) == 4


def test_bytes_of_another_encoding_in_an_id_are_told() -> None:
    file = b"transfer_id,amount,posted_on\nR\xd1,5.00,2026-11-27\nR\xd3,5.00,2026-11-27\n"
    assert [line.field for line in broken(read_as("a.csv", file))] == ["encoding"] * 2


@pytest.mark.parametrize(
    ("heading", "value", "counts"),
    [
        ("Status", "Pending", False),
        ("Estado", "Rechazada", False),
        ("Estado", "Aplicada", True),
        ("Estado", "Reversado", False),
        ("Status", "Refunded", False),
        ("Status", "Partially refunded", True),
        ("Status", "Chargeback", False),
        ("Estado", "Denegada", False),
        ("Estado", "No procesado", False),
        ("Estado", "Procesado", True),
        ("Dr / Cr", "DR", False),
        ("Debe/Haber", "Debe", False),
        ("Debe/Haber", "Haber", True),
        ("Dr/Cr", "Dr", False),
        ("D/C", "C", True),
        ("S/H", "S", False),
        ("Sentido", "Débito", False),
        ("Buchungsstatus", "vorgemerkt", False),
        ("Note", "pending", True),
    ],
)
def test_a_banks_own_words_say_which_lines_count(heading: str, value: str, counts: bool) -> None:
    lines = read(f"amount,posted_on,{heading}", f"5.00,2026-11-27,{value}")
    assert len(money(lines)) == counts
    assert len(passed(lines)) == (not counts)


def test_what_describes_the_money_does_not_decide_whether_it_counts() -> None:
    columns = {"amount": "amount", "posted_on": "posted_on", "reference": "Status"}
    assert money(read("amount,posted_on,Status", "5.00,2026-11-27,PENDIENTE", columns=columns)) == ["5.00 USD"]


def test_a_layout_says_which_lines_count() -> None:
    table = ("amount,posted_on,Kind", "1.00,2026-11-27,IN", "2.00,2026-11-27,OUT", "3.00,2026-11-27,")
    lines = read(*table, only={"kind": ["in"]})
    assert (money(lines), len(passed(lines))) == (["1.00 USD"], 2)
    (line,) = broken(read(*table, only={"Way": ["in"]}))
    assert "no column Way" in line.problem


def test_a_column_of_debits() -> None:
    columns = {"amount": "Haber", "debit": "Debe", "posted_on": "Fecha"}
    lines = read("Fecha,Debe,Haber", "2026-11-27,5.00,", "2026-11-27,5.00,0.00", "2026-11-27,,7.00", columns=columns)
    assert (money(lines), passed(lines)) == (["7.00 USD"], ["debit", "debit"])
    strokes = read("Fecha,Debe,Haber", "2026-11-27,5.00,-", "2026-11-27,-,— —", "2026-11-27,--,7.00", columns=columns)
    assert (money(strokes), passed(strokes)) == (["7.00 USD"], ["debit", "without an amount"])


def test_a_line_with_both_columns_is_a_total_or_told() -> None:
    columns = {"amount": "Haber", "debit": "Debe", "posted_on": "Fecha"}
    lines = read(
        "Fecha,Texto,Debe,Haber",
        "2026-11-27,Ana,,7.00",
        "2026-11-30,Ana,2.00,7.00",
        "2026-11-30,Totales,5.00,14.00",
        columns=columns,
    )
    assert (money(lines), passed(lines)) == (["7.00 USD"], ["total"])
    assert "both what came in and what went out" in broken(lines)[0].problem


def test_a_layout_names_only_fields_that_there_are() -> None:
    with pytest.raises(ValidationError, match="there is no field payee"):
        CsvLayout(columns={"amount": "a", "posted_on": "b", "payee": "c"})


def test_a_table_that_begins_nowhere_is_told_once() -> None:
    (line,) = read(*["one,two,three"] * 200)
    assert "no column amount" in broken([line])[0].problem
