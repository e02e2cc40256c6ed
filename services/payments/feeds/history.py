"""Which files were taken before: the same content under another layout would count as new money."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final, Protocol

from pydantic import BaseModel

from services.payments.feeds.lines import BrokenLine, Line
from shared.contracts.payments import TransferArrived

AT_ONCE: Final = 500
_PIECE: Final = 1_000_000  # bytes
_LAYOUT_OF_THEN: Final = (
    "read it in the layout of then; correct by hand what that could not read, and put this file aside"
)


class FileHistory(Protocol):
    """What was taken of files."""

    async def taken(self, digest: str, layout: str) -> int:
        """How many lines of a file with this content were taken under any other layout than this: of those the most."""
        ...

    async def recorded(self, lines: Sequence[TransferArrived]) -> int:
        """How many of some lines are recorded."""
        ...


def digest_of_file(stream: BinaryIO) -> str:
    """A digest of a stream's content, which is read to its end."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def digest_of_layout(layout: BaseModel) -> str:
    """A digest of everything that a layout says, and of what kind it is."""
    return hashlib.sha256(f"{type(layout).__name__}{layout.model_dump_json()}".encode()).hexdigest()[:24]


def arrivals(read: Callable[[BinaryIO], Iterator[Line]], stream: BinaryIO) -> Iterator[list[TransferArrived]]:
    """The money in a file, a bounded number of lines at a time."""
    money = (line for line in read(stream) if isinstance(line, TransferArrived))
    while some := list(islice(money, AT_ONCE)):
        yield some


def counts_twice(taken: int, recorded: int) -> BrokenLine | None:
    """Why a file is not read under another layout; None where that counts nothing twice.

    Of what was `taken` before all must be found among what is `recorded`, now that it is read anew: then the rest may
    be new money.
    """
    if recorded >= taken:
        return None
    problem = (
        f"this file was taken before under another layout: {taken} lines, of which {recorded} are the same under this"
        " one; the others would count as new money"
    )
    return BrokenLine(0, "file", problem, _LAYOUT_OF_THEN)
