"""Goes through a statement in bounded memory: each entry whole, and nothing of what is behind it."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import iterparse

from services.payments.feeds.camt.elements import name_of
from services.payments.feeds.camt.layout import MESSAGES

DEEPEST: Final = 64  # a bank's elements stand some 15 deep in each other
MOST_OF_AN_ENTRY: Final = 16_000_000  # bytes; one that sums ten thousand payments up has some ten millions
MOST_PARTS_OF_AN_ENTRY: Final = 1_000_000  # elements and attributes, each of which takes many times its bytes of memory
MOST_OF_NAMES: Final = 500_000  # characters of all names in a statement, a hundred more for each: parsers keep them
_A_NAME: Final = 100
_ACCOUNT: Final = "Acct"
_UTF16: Final = {BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_BLANKS: Final = b" \t\r\n"


class WrongMessage(Exception):
    """A message of the same family that does not count for this account; the text is its name."""


class Walk:
    """Goes through a statement, and forgets what is behind it: a statement may be endless."""

    def __init__(self, stream: BinaryIO, wanted: str) -> None:
        self.number = 0
        self.message = ""
        self.account_currency = ""
        self._wanted = wanted
        self._begun = False
        self._stream = stream
        self._left = MOST_OF_AN_ENTRY
        self._parts_left = MOST_PARTS_OF_AN_ENTRY
        self._names: set[str] = set()
        self._names_left = MOST_OF_NAMES
        self._open: list[Element] = []
        self._within: Element | None = None

    def entries(self) -> Iterator[Element]:
        """Each entry, whole; `number` counts them.

        Raises:
            WrongMessage: when the file is another message than the wanted one.
        """
        for event, found in iterparse(self, events=("start", "end", "start-ns"), forbid_dtd=True):
            if event == "start":
                self._enter(found)
            elif event == "end":
                yield from self._leave(found)
            else:
                self._note(found)

    def read(self, size: int = -1, /) -> bytes:
        """The statement's bytes, for the parser; too many of them without the end of an entry are refused."""
        some = self._some(size)
        while some and not self._begun:
            some = _without_blanks(some)
            self._begun = bool(some)
            some = some or self._some(size)
        return some

    def _some(self, size: int) -> bytes:
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
        name = name_of(element)
        if name in MESSAGES and len(self._open) > 1 and name_of(self._open[-2]) == "Document":
            self.message = MESSAGES[name]
            if self.message != self._wanted:
                raise WrongMessage(self.message)
        if self._within is None and self.message and name == "Ntry":
            self._within = element
        if self._within is None and name == _ACCOUNT:
            self.account_currency = ""

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
            if name_of(self._open[-1]) == _ACCOUNT and name_of(element) == "Ccy":
                self.account_currency = (element.text or "").strip()
            self._open[-1].remove(element)


def _without_blanks(some: bytes) -> bytes:
    """A file's beginning without the blank lines that some portals write before the XML."""
    for mark in (BOM_UTF16_LE, BOM_UTF16_BE):
        if some.startswith(mark):
            blanks = {sign.encode(_UTF16[mark]) for sign in " \t\r\n"}
            rest = some.removeprefix(mark)
            while rest[:2] in blanks:
                rest = rest[2:]
            return mark + rest
    mark = BOM_UTF8 if some.startswith(BOM_UTF8) else b""
    rest = some.removeprefix(mark).lstrip(_BLANKS)
    return mark + rest if rest else b""
