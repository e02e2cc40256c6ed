"""Which file is read by what: a new format of banks is a folder with a layout and a reader, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO, Final, TypeAlias

from services.payments.feeds.camt import CamtLayout, read_camt
from services.payments.feeds.csv import CsvLayout, read_csv
from services.payments.feeds.lines import Line

Layout: TypeAlias = CsvLayout | CamtLayout
Read: TypeAlias = Callable[[BinaryIO], Iterator[Line]]


@dataclass(frozen=True, slots=True)
class Format:
    """How banks write files: `suffixes` of their names in lower case, what a layout says, and what reads them."""

    name: str
    suffixes: tuple[str, ...]
    layout: type[Any]
    read: Callable[[BinaryIO, Any], Iterator[Line]]

    def reader(self, layout: Layout) -> Read:
        """What reads a file in this layout."""
        return lambda stream: self.read(stream, layout)


FORMATS: Final = (
    Format("csv", (".csv",), CsvLayout, read_csv),
    Format("camt", (".xml",), CamtLayout, read_camt),
)


def format_of(file_name: str) -> Format | None:
    """The format of a file by its name; None where no bank writes such a file."""
    suffix = PurePath(file_name).suffix.lower()
    return next((one for one in FORMATS if suffix in one.suffixes), None)


def layouts_in(given: Mapping[str, Any]) -> dict[str, Layout]:
    """A layout for each format, by its name: what is given for it, else its own.

    Raises:
        ValueError: when a name is no format's, or a layout does not fit.
    """
    if unknown := sorted(set(given) - {one.name for one in FORMATS}):
        raise ValueError(f"there is no format {unknown[0]}; there are {', '.join(one.name for one in FORMATS)}")
    return {one.name: one.layout.model_validate(given.get(one.name, {})) for one in FORMATS}
