"""Statements as banks write them (the folders `camt-*` of tests/support/cases), and others of their kinds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from services.payments.feeds.lines import Line
from tests.support.bank_cases import arrived, broken, ids, money, passed, read_as, read_case, reversed_in
from tests.unit.payments.feeds.test_camt import details, entry, statement


def read(*entries: str, **layout: str) -> list[Line]:
    return read_as("a.xml", statement(*entries), **layout)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("camt-batch-without-details", ["805.00 USD"]),
        ("camt-blank-line-first", ["690.00 USD"]),
        ("camt-charges-taken", ["675.00 USD"]),
        ("camt-empty-statement", []),
        ("camt-five-decimals", ["690.00 USD", "115.50 USD", "115.50 USD"]),
        ("camt-foreign-currency-detail", ["690.00 USD"]),
        ("camt-foreign-currency-detail-02", ["690.00 USD"]),
        ("camt-prefix-two-statements", ["115.00 USD", "230.00 USD"]),
        ("camt-txdtls-debit-in-credit", ["690.00 USD"]),
    ],
)
def test_what_arrived_on_the_account_is_what_counts(folder: str, expected: list[str]) -> None:
    lines = read_case(folder)
    assert money(lines) == expected
    assert broken(lines) == []


@pytest.mark.parametrize("folder", ["camt-bom-utf8", "camt-latin1", "camt-utf16"])
def test_statements_in_any_encoding(folder: str) -> None:
    (line,) = arrived(read_case(folder))
    assert (line.amount, line.payer) == (Decimal(690), "MUÑOZ")


def test_a_day_with_a_zone_is_the_banks_day() -> None:
    """Folder camt-date-with-zone."""
    assert {line.posted_on for line in arrived(read_case("camt-date-with-zone"))} == {date(2026, 11, 27)}


def test_the_payer_is_made_one_line() -> None:
    """Folder camt-name-over-two-lines."""
    (line,) = arrived(read_case("camt-name-over-two-lines"))
    assert line.payer == "ANA MARIA LOPEZ DE RUIZ"


def test_the_ultimate_debtor_is_the_payer_where_no_debtor_is_named() -> None:
    """Folder camt-ultimate-debtor."""
    (line,) = arrived(read_case("camt-ultimate-debtor"))
    assert line.payer == "ANA LOPEZ"
    nobody = details(name="NOTPROVIDED").replace("</Dbtr>", "</Dbtr><UltmtDbtr><Nm>Ana Paz</Nm></UltmtDbtr>")
    (line,) = arrived(read(entry(nobody)))
    assert line.payer == "Ana Paz"


@pytest.mark.parametrize(("name", "amounts"), [("a.xml", [115, 115, 230]), ("same-payerless.xml", [115, 115])])
def test_placeholders_are_no_ids(name: str, amounts: list[int]) -> None:
    """Folder camt-account-ref-placeholder."""
    lines = read_case("camt-account-ref-placeholder", name)
    assert [line.amount for line in arrived(lines)] == amounts
    assert len(set(ids(lines))) == len(amounts)
    assert broken(lines) == []


@pytest.mark.parametrize("nothing", ["0", "000000", "N/A", "Not Provided", "-", "SIN REFERENCIA", "notprovided"])
def test_other_placeholders_are_none_either(nothing: str) -> None:
    one = entry(details(ref=nothing)).replace(">E1<", f">{nothing}<")
    lines = read(one, one)
    assert len(set(ids(lines))) == 2, lines


@pytest.mark.parametrize("name", ["a.xml", "equal.xml"])
def test_details_that_share_a_reference_stay_apart(name: str) -> None:
    """Folder camt-details-share-one-ref."""
    lines = read_case("camt-details-share-one-ref", name)
    assert money(lines) == ["230.00 USD", "230.00 USD"]
    assert len(set(ids(lines))) == 2
    assert ids(lines) == ids(read_case("camt-details-share-one-ref", name)), "the same when it is read again"


def test_details_share_a_reference_where_the_entry_has_none() -> None:
    one = entry(details("345.00", ref="COLL"), details("345.00", ref="COLL")).replace(">E1<", ">NONREF<")
    assert ids(read(one)) == ["COLL/1", "COLL/2"]


def test_a_batch_whose_payments_have_no_amounts_is_kept_for_a_person() -> None:
    """Folder camt-detail-amount-missing."""
    (line,) = broken(read_case("camt-detail-amount-missing"))
    assert line.problem.startswith("the entry of 460.00 USD sums 2 payments up, and does not say")
    assert "DM1" in line.text
    assert "ROSA" in line.text


@pytest.mark.parametrize(
    ("parts", "amount"),
    [
        ((details("400.00", "A"), details("300.00", "B")), "690.00"),
        ((details("345.00", "A"), details("345.00", "B").replace("USD", "EUR")), "690.00"),
        ((details("690.00", "A").replace("CRDT", "DBIT"),), "690.00"),
    ],
)
def test_payments_that_do_not_make_the_entry_are_kept_for_a_person(parts: tuple[str, ...], amount: str) -> None:
    lines = read(entry(*parts, amount=amount))
    assert money(lines) == []
    (line,) = broken(lines)
    assert line.field == "amount"


def test_what_the_bank_kept_of_each_payment_has_not_arrived() -> None:
    kept = '<Chrgs><Rcrd><Amt Ccy="USD">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>'
    parts = [details("345.00", ref).replace("<RltdPties>", f"{kept}<RltdPties>") for ref in "AB"]
    assert money(read(entry(*parts, amount="680.00"))) == ["340.00 USD", "340.00 USD"]


def test_foreign_payments_of_a_batch_count_in_the_currency_of_the_account() -> None:
    value = '<AmtDtls><CntrValAmt><Amt Ccy="USD">345.00</Amt></CntrValAmt></AmtDtls><CdtDbtInd>'
    foreign = [details("315.00", ref).replace("USD", "EUR").replace("<CdtDbtInd>", value) for ref in "AB"]
    assert money(read(entry(*foreign))) == ["345.00 USD", "345.00 USD"]


def test_an_entry_in_another_currency_than_the_account_is_told() -> None:
    file = statement(entry(details())).replace(b"<Stmt><Id>1</Id>", b"<Stmt><Id>1</Id><Acct><Ccy>EUR</Ccy></Acct>")
    (line,) = broken(read_as("a.xml", file))
    assert line.problem == "the entry does not say its amount in EUR"


def test_a_credit_within_a_debit_is_money_and_the_debit_is_none() -> None:
    netted = entry(details("40.00", "A"), details("690.00", "B").replace("CRDT", "DBIT"), amount="650.00", way="DBIT")
    lines = read(netted)
    assert (money(lines), passed(lines)) == (["40.00 USD"], ["debit"])


def test_a_payment_within_an_entry_may_be_pending() -> None:
    pending = details("345.00", "B").replace("<CdtDbtInd>", "<Sts><Cd>PDNG</Cd></Sts><CdtDbtInd>")
    lines = read(entry(details("345.00", "A"), pending))
    assert (money(lines), passed(lines)) == (["345.00 USD"], ["not booked"])


def test_what_is_pending_counts_once_it_is_booked() -> None:
    """Folder camt-pending-then-booked."""
    assert money(read_case("camt-pending-then-booked", "a.xml")) == []
    assert money(read_case("camt-pending-then-booked", "b.xml")) == ["690.00 USD"]


def test_a_credit_that_the_bank_takes_back_names_the_transfer() -> None:
    """Folder camt-reversal."""
    (credit,) = arrived(read_case("camt-reversal", "a.xml"))
    (gone,) = reversed_in(read_case("camt-reversal", "b.xml"))
    assert (gone.source, gone.transfer_id, gone.amount) == (credit.source, credit.transfer_id, credit.amount)
    assert reversed_in(read_case("camt-reversal", "b.xml")) == [gone], "the same when it is read again"


def test_a_payment_within_a_debit_may_be_taken_back() -> None:
    gone = details("345.00", "A").replace("CRDT", "DBIT").replace("<RltdPties>", "<RtrInf/><RltdPties>")
    fee = details("5.00", "B").replace("CRDT", "DBIT")
    lines = read(entry(gone, fee, amount="350.00", way="DBIT"))
    assert [(one.transfer_id, one.amount) for one in reversed_in(lines)] == [("A", 345)]
    assert passed(lines) == ["debit"]


def test_money_taken_back_of_nobody_knows_what_is_told() -> None:
    gone = entry(details(ref=""), way="DBIT", more="<RvslInd>1</RvslInd>").replace("CRDT", "DBIT")
    (line,) = broken(read(gone.replace(">E1<", ">NONREF<")))
    assert "does not say of which transfer" in line.problem


@pytest.mark.parametrize(
    ("folder", "name"), [("camt-052-intraday", "a.xml"), ("camt-054-beside-053", "notification-054.xml")]
)
def test_one_message_counts_for_an_account(folder: str, name: str) -> None:
    """Folders camt-052-intraday and camt-054-beside-053: the same money stands in the statement of the day."""
    (line,) = read_case(folder, name)
    assert "and only camt.053 counts here" in broken([line])[0].problem


@pytest.mark.parametrize(
    ("folder", "name", "expected"),
    [
        ("camt-052-intraday", "b.xml", ["690.00 USD", "690.00 USD"]),
        ("camt-054-beside-053", "statement-053.xml", ["805.00 USD"]),
    ],
)
def test_the_statement_of_the_day_counts(folder: str, name: str, expected: list[str]) -> None:
    lines = read_case(folder, name)
    assert (money(lines), broken(lines)) == (expected, [])
    assert len(set(ids(lines))) == len(expected)


def test_a_layout_may_name_another_message_that_counts() -> None:
    case = "camt-054-beside-053"
    assert money(read_case(case, "notification-054.xml", message="camt.054")) == ["115.00 USD", "690.00 USD"]
    (line,) = broken(read_case(case, "statement-053.xml", message="camt.054"))
    assert "this is a camt.053" in line.problem


def test_an_id_that_stands_on_two_entries_is_told() -> None:
    lines = read(entry(details()), entry(details()))
    assert money(lines) == ["690.00 USD"]
    (line,) = broken(lines)
    assert line.field == "transfer_id"
