"""Reads ISO 20022 camt.053: each booked credit becomes money that arrived, or a broken entry with its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from pydantic import BaseModel, ConfigDict, ValidationError

from services.payments.feeds.csv import Alike, BrokenLine, while_worth_it
from shared.contracts.payments import TransferArrived

LONGEST = 100
DEEPEST = 64  # a bank's elements stand some 15 deep in each other
MOST_OF_AN_ENTRY = 16_000_000  # bytes; one that sums ten thousand payments up has some ten millions
MOST_PARTS_OF_AN_ENTRY = 1_000_000  # elements and attributes, each of which takes many times its bytes of memory
MOST_OF_NAMES = 500_000  # characters of all names that a statement uses, a hundred more for each: parsers keep them
_A_NAME = 100
_STATEMENT = ["Document", "BkToCstmrStmt"]
_NO_REFERENCE = {"", "NOTPROVIDED"}
_REMEDY = "correct the entry and import the statement again"


class CamtLayout(BaseModel):
    """What a statement does not say: the name of its feed, and the property that the account belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = "camt"
    property_id: str | None = None


def read_camt(stream: BinaryIO, layout: CamtLayout | None = None) -> Iterator[TransferArrived | BrokenLine]:
    """Read a statement entry by entry; a broken one costs itself alone, broken XML the rest of the file.

    Too many broken ones, or without the bank's id, end it early, as those of a CSV do.
    Debits, reversals and what is only pending are passed over. An entry that sums several payments up becomes one
    transfer for each. `number` of a broken line counts the statement's entries from 1. Entities and DTDs are refused,
    and so is what no bank writes: elements within elements without end, ever new names of elements, or an entry of
    more than `MOST_OF_AN_ENTRY` bytes or `MOST_PARTS_OF_AN_ENTRY` parts. Nothing but the entry in hand is in memory.
    """
    return while_worth_it(_lines_of(stream, layout or CamtLayout()))


def _lines_of(stream: BinaryIO, layout: CamtLayout) -> Iterator[TransferArrived | BrokenLine]:
    reader, walk = _Reader(layout), _Walk(stream)
    try:
        for entry in walk.entries():
            yield from reader.take(walk.number, entry)
            if reader.alike.full:
                yield reader.alike.broken_line(walk.number)
                return
        if not walk.number and not walk.is_statement:
            yield BrokenLine(0, "file", "this is no camt.053 statement", "export a camt.053 file at the bank's site")
    except (ParseError, DefusedXmlException, LookupError, ValueError) as wrong:  # an unknown encoding, a strange root
        problem = f"the XML cannot be read behind entry {walk.number}: {type(wrong).__name__}"
        yield BrokenLine(walk.number + 1, "file", problem, "export the statement once more; it must have no DTD")


class _Walk:
    """Goes through a statement, and forgets what is behind it: a statement may be endless."""

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0
        self.is_statement = False
        self._stream = stream
        self._left = MOST_OF_AN_ENTRY
        self._parts_left = MOST_PARTS_OF_AN_ENTRY
        self._names: set[str] = set()
        self._names_left = MOST_OF_NAMES
        self._open: list[Element] = []
        self._within: Element | None = None

    def entries(self) -> Iterator[Element]:
        """Each entry, whole; `number` counts them."""
        for event, found in iterparse(self, events=("start", "end", "start-ns"), forbid_dtd=True):
            if event == "start":
                self._enter(found)
            elif event == "end":
                yield from self._leave(found)
            else:
                self._note(found)

    def read(self, size: int = -1, /) -> bytes:
        """The statement's bytes, for the parser; too many of them without the end of an entry are refused."""
        some = self._stream.read(size)
        self._left -= len(some)
        if self._left < 0:
            raise ParseError(f"more than {MOST_OF_AN_ENTRY} bytes without the end of an entry")
        return some

    def _enter(self, element: Element) -> None:
        self._open.append(element)
        self._count(element)
        if len(self._open) > DEEPEST:
            raise ParseError(f"elements stand more than {DEEPEST} deep in each other")
        if self._within is None and len(self._open) > 1 and _name(element) == "Ntry":
            self._within = element
        if len(self._open) == len(_STATEMENT) and [_name(one) for one in self._open] == _STATEMENT:
            self.is_statement = True

    def _count(self, element: Element) -> None:
        self._note((element.tag, *element.attrib))
        self._parts_left -= 1 + len(element.attrib)
        if self._parts_left < 0:
            raise ParseError(f"more than {MOST_PARTS_OF_AN_ENTRY} parts without the end of an entry")

    def _note(self, names: Iterable[str]) -> None:
        """Names of elements, attributes and namespaces, which the parser keeps to the end of the statement."""
        for name in names:
            if name not in self._names:
                self._names.add(name)
                self._names_left -= len(name) + _A_NAME
        if self._names_left < 0:
            raise ParseError(f"names of more than {MOST_OF_NAMES} characters")

    def _leave(self, element: Element) -> Iterator[Element]:
        self._open.pop()
        if self._within is not None and self._within is not element:
            return
        if self._within is element:
            self.number += 1
            yield element
            self._within, self._left, self._parts_left = None, MOST_OF_AN_ENTRY, MOST_PARTS_OF_AN_ENTRY
        if self._open:
            self._open[-1].remove(element)


class _Reader:
    """Reads entries, and tells those apart that the bank gives no id."""

    def __init__(self, layout: CamtLayout) -> None:
        self._layout = layout
        self.alike = Alike()

    def take(self, number: int, entry: Element) -> Iterator[TransferArrived | BrokenLine]:
        if _text(entry, "CdtDbtInd") != "CRDT" or _text(entry, "RvslInd") in {"true", "1"}:
            return
        if (_text(entry, "Sts", "Cd") or _text(entry, "Sts")) != "BOOK":
            return
        details = [one for group in _all(entry, "NtryDtls") for one in _all(group, "TxDtls")]
        for place, detail in enumerate(details or [entry], 1):
            facts = _facts(entry, detail, alone=len(details) <= 1)
            bank_id = _bank_id(entry, detail, place if len(details) > 1 else 0)
            yield self._validated(number, facts, bank_id or self.alike.id_of(facts))

    def _validated(self, number: int, facts: dict[str, str], transfer_id: str) -> TransferArrived | BrokenLine:
        line = {**facts, "transfer_id": transfer_id, "source": self._layout.source}
        try:
            return TransferArrived.model_validate({**line, "property_id": self._layout.property_id})
        except ValidationError as wrong:
            first = wrong.errors(include_url=False)[0]
            field = str(first["loc"][0]) if first["loc"] else "entry"
            return BrokenLine(number, field, first["msg"], _REMEDY, repr(line))


def _facts(entry: Element, detail: Element, *, alone: bool) -> dict[str, str]:
    amount = _find(detail, "Amt")
    if amount is None:
        amount = _find(detail, "AmtDtls", "TxAmt", "Amt")
    if amount is None and alone:
        amount = _find(entry, "Amt")
    date = _date(entry, "BookgDt") or _date(entry, "ValDt")
    payer = _text(detail, "RltdPties", "Dbtr", "Nm") or _text(detail, "RltdPties", "Dbtr", "Pty", "Nm")
    facts = {
        "amount": "" if amount is None else (amount.text or "").strip(),
        "currency": "" if amount is None else amount.get("Ccy", ""),
        "posted_on": date,
        "payer": payer[:LONGEST],
        "reference": _reference(detail),
    }
    needed = {"amount", "currency", "posted_on"}
    return {name: value for name, value in facts.items() if value or name in needed}


def _reference(detail: Element) -> str:
    """All that may name the payment, once each: a slip's reference is found among the words."""
    references = [_text(one, "CdtrRefInf", "Ref") for info in _all(detail, "RmtInf") for one in _all(info, "Strd")]
    references += [(one.text or "").strip() for info in _all(detail, "RmtInf") for one in _all(info, "Ustrd")]
    references.append(_text(detail, "Refs", "EndToEndId"))
    words = " ".join(dict.fromkeys(one for one in references if one not in _NO_REFERENCE)).split()
    while len(" ".join(words)) > LONGEST and len(words) > 1:
        words.pop()
    return " ".join(words)[:LONGEST]


def _bank_id(entry: Element, detail: Element, place: int) -> str:
    """The bank's own id of a payment; of an entry that sums several up, its id and the payment's place in it."""
    own = _text(detail, "Refs", "AcctSvcrRef") or _text(detail, "Refs", "TxId") if detail is not entry else ""
    whole = _text(entry, "AcctSvcrRef")
    if own and own != whole:
        return own
    return f"{whole}/{place}" if whole and place else whole


def _date(entry: Element, name: str) -> str:
    return (_text(entry, name, "Dt") or _text(entry, name, "DtTm"))[:10]


def _name(element: Any) -> str:
    """A tag without its namespace: banks write several versions of camt.053."""
    return str(element.tag).rpartition("}")[2]


def _all(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


def _find(element: Element, *path: str) -> Element | None:
    found: Element | None = element
    for name in path:
        found = next((child for child in found if _name(child) == name), None) if found is not None else None
    return found


def _text(element: Element, *path: str) -> str:
    found = _find(element, *path)
    return (found.text or "").strip() if found is not None else ""
