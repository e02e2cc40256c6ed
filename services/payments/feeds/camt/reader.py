"""Reads a statement: each booked credit becomes money that arrived, or a broken entry with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException

from services.payments.feeds.camt.entries import EntryReader
from services.payments.feeds.camt.layout import CamtLayout
from services.payments.feeds.camt.walk import Walk, WrongMessage
from services.payments.feeds.lines import BrokenLine, Line, while_worth_it

_ONE_COUNTS: Final = (
    "give the camt.053 statement of the day; or, for an account whose bank sends none, name the message that counts"
    " in the layout"
)


def read_camt(stream: BinaryIO, layout: CamtLayout | None = None) -> Iterator[Line]:
    """Read a statement entry by entry; a broken one costs itself alone, broken XML the rest of the file.

    Too many broken ones, or without the bank's id, end it early, as those of a CSV do.
    Debits and what is only pending are passed over; a credit that the bank takes back is told. An entry that sums
    several payments up becomes one transfer for each. `number` of a line counts the statement's entries from 1.
    Entities and DTDs are refused, and so is what no bank writes: elements within elements without end, ever new names
    of elements, or an entry of more than `MOST_OF_AN_ENTRY` bytes or `MOST_PARTS_OF_AN_ENTRY` parts. Nothing but the
    entry in hand is in memory.
    """
    return while_worth_it(_lines_of(stream, layout or CamtLayout()))


def _lines_of(stream: BinaryIO, layout: CamtLayout) -> Iterator[Line]:
    reader, walk = EntryReader(layout), Walk(stream, layout.message)
    try:
        for entry in walk.entries():
            yield from reader.take(walk.number, entry, walk.account_currency)
            if reader.alike.full:
                yield reader.alike.broken_line(walk.number)
                return
        if not walk.message:
            wanted = f"export a {layout.message} file at the bank's site"
            yield BrokenLine(0, "file", f"this is no {layout.message} statement", wanted)
    except WrongMessage as wrong:
        problem = f"this is a {wrong}, and only {layout.message} counts here: the same money stands in both"
        yield BrokenLine(0, "file", problem, _ONE_COUNTS)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as wrong:  # an unknown encoding, a strange root
        problem = f"the XML cannot be read behind entry {walk.number}: {type(wrong).__name__}"
        yield BrokenLine(walk.number + 1, "file", problem, "export the statement once more; it must have no DTD")
