"""Reads a bank's CSV: each line becomes money that arrived, is passed over, or is broken with field and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import BinaryIO, Final

from services.payments.feeds.csv.amounts import currency_in, is_empty, read_amount
from services.payments.feeds.csv.dates import read_date
from services.payments.feeds.csv.layout import DEBIT, DESCRIBING, FIELDS, CsvLayout
from services.payments.feeds.csv.records import Record, Records
from services.payments.feeds.csv.table import LOST, Table, decoded
from services.payments.feeds.csv.words import is_total
from services.payments.feeds.lines import (
    Alike,
    Broken,
    BrokenLine,
    Line,
    PassedOver,
    arrived,
    in_cents,
    while_worth_it,
)
from shared.contracts.common import PaymentMethod, is_placeholder
from shared.contracts.payments import TransferArrived

_REMEDIES: Final = {
    "amount": "give what came in, above zero and with at most two decimals",
    "currency": "give three capital letters, such as USD",
    "posted_on": "write the date as the layout's date_format says, or change date_format",
    "encoding": "name the file's encoding in the layout, such as cp1252",
}
_NO_AMOUNT: Final = "without an amount"
_BOTH: Final = "ask the bank what arrived on the account, and record it as a correction"
_CHECK: Final = "name the bank's heading in the layout's columns, and check delimiter and encoding"


class Passed(Exception):
    """A line that is no money that came in."""


def read_csv(stream: BinaryIO, layout: CsvLayout | None = None) -> Iterator[Line]:
    """Read a file line by line: money, lines that are passed over, and broken ones in its order.

    Only a useless heading ends it early, or more than `MOST_BROKEN` broken lines, or `MOST_WITHOUT_ID` different ones
    without an id of the bank's.
    `stream` is open for bytes and stays open. A quoted cell may stand on several lines, unless one of them is a line
    by itself: a stray quotation mark costs one line and not the rest of the file. One that is longer than any bank's
    is never in memory whole; where no end of it comes at all, reading ends. A problem never quotes the line.
    """
    return while_worth_it(_lines_of(stream, layout or CsvLayout()))


def _lines_of(stream: BinaryIO, layout: CsvLayout) -> Iterator[Line]:
    records = Records(stream, layout.encoding, layout.delimiter)
    reader = _Reader(layout, Table(layout))
    records.whole = reader.is_whole
    try:
        for record in records:
            yield from reader.take(record)
            if reader.ended or record.ends:
                break
        yield from reader.end(records.number)
    except UnicodeError as wrong:
        yield BrokenLine(records.number + 1, "encoding", str(wrong), _REMEDIES["encoding"])


class _Reader:
    """Reads lines under one heading, and counts equal ones."""

    def __init__(self, layout: CsvLayout, table: Table) -> None:
        self._layout = layout
        self._table = table
        self._alike = Alike()
        self._empty = self._taken = 0
        self.ended = False

    def take(self, record: Record) -> Iterator[Line]:
        if not self._table.begun:
            self._table.look_at(record)
            if record.ends or self._table.given_up:
                self.ended = True
            return
        if not record.broken and not any(record.cells):
            return
        try:
            yield self._line(record)
            self._taken += 1
        except Passed as reason:
            self._empty += str(reason) == _NO_AMOUNT
            yield PassedOver(record.number, str(reason))
        except Broken as wrong:
            remedy = wrong.remedy or _REMEDIES.get(wrong.field, "correct the line and import the file again")
            yield BrokenLine(record.number, wrong.field, wrong.problem, remedy, record.text)
        if self._alike.full:
            self.ended = True
            yield self._alike.broken_line(record.number)

    def end(self, number: int) -> Iterator[BrokenLine]:
        """What is wrong with the file as a whole."""
        if wrong := self._table.problem():
            yield wrong
        elif self._empty and not self._taken and self._empty > 1:
            problem = f"none of {self._empty} lines has an amount in the layout's column"
            yield BrokenLine(number, "amount", problem, _CHECK)

    def is_whole(self, cells: Sequence[str]) -> bool:
        """Whether these cells are a line by itself, with its own amount and date."""
        if not self._table.begun or len(cells) < self._table.width:
            return False
        try:
            given = self._table.given(cells)
            self._amount(given)
            self._date(given)
        except Passed:
            return True
        except Broken:
            return False
        return True

    def _line(self, record: Record) -> TransferArrived:
        if record.broken:
            raise record.broken
        if reason := self._table.why_not(record.cells):
            raise Passed(reason)
        given = self._table.given(record.cells)
        for name, value in given.items():
            if name not in DESCRIBING and LOST.search(value):
                raise Broken("encoding", f"{name} is not {self._layout.encoding}")
        facts = {name: given[name] for name in FIELDS if given.get(name) and name != "transfer_id"}
        amount, currency = self._amount(given, record.cells)
        facts["amount"], facts["currency"] = in_cents(amount), currency
        facts["posted_on"] = self._date(given, record.cells)
        return self._validated(facts, given.get("transfer_id", ""))

    def _validated(self, facts: Mapping[str, str], bank_id: str) -> TransferArrived:
        no_id = is_placeholder(bank_id)
        method = self._layout.method
        if method is None:
            card = not is_placeholder(facts.get("authorization_number", ""))
            method = PaymentMethod.CARD_LINK if card else PaymentMethod.BANK_TRANSFER
        line = {name: decoded(value) if name in DESCRIBING else value for name, value in facts.items()}
        line |= {"transfer_id": "x" if no_id else bank_id, "source": self._layout.source, "method": method}
        money = arrived({**line, "property_id": self._layout.property_id})
        own = self._alike.id_of(facts) if no_id else self._alike.once(money.transfer_id)
        return money.model_copy(update={"transfer_id": own})

    def _amount(self, given: Mapping[str, str], cells: Sequence[str] = ()) -> tuple[Decimal, str]:
        """What came in, in which currency."""
        text, comma = given.get("amount", ""), self._layout.decimal_comma
        if is_empty(text):
            raise Passed(_NO_AMOUNT if is_empty(given.get(DEBIT, "")) else "debit")
        written = read_amount(text, decimal_comma=comma)
        if written is None:
            wanted = "1.234,50" if comma else "1,234.50"
            raise Broken("amount", f"what stands there is no amount like {wanted}", "correct it or set decimal_comma")
        if written.amount <= 0:
            raise Passed("debit" if written.amount or given.get(DEBIT) else "zero")
        went_out = read_amount(given.get(DEBIT, ""), decimal_comma=comma)
        if went_out and went_out.amount:
            if any(is_total(cell) for cell in cells):
                raise Passed("total")
            raise Broken("amount", "the line says both what came in and what went out", _BOTH)
        currency = currency_in(given.get("currency", ""))
        if currency == "$":
            currency = ""
        currency = currency or written.currency or self._layout.currency
        if not written.may_be(currency):
            raise Broken("currency", "the amount is in another currency than the line says")
        return written.amount, currency

    def _date(self, given: Mapping[str, str], cells: Sequence[str] = ()) -> str:
        text, wanted = given.get("posted_on", ""), self._layout.date_format
        found = read_date(text, wanted)
        if found:
            return found.isoformat()
        if not text and any(is_total(cell) for cell in cells):
            raise Passed("total")
        raise Broken("posted_on", f"{'what stands there' if text else 'nothing'} is no date like {wanted}")
