"""Lines of a source: money that arrived or was taken back, what is passed over, and what is broken and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from decimal import Decimal
from typing import Any, TypeAlias

from pydantic import ValidationError

from shared.contracts.payments import TransferArrived, TransferReversed

MOST_BROKEN = 10_000  # lines of one file that are kept for correction
MOST_WITHOUT_ID = 500_000  # different lines of one file that get an id by what they say, each remembered to its end
MOST_IDS = 100_000  # ids of one file that are remembered, to see one that stands twice
_TWICE = "the same id stands on an earlier line of this file"
_TWO = "if both are money, leave the id out of the layout: then lines are told apart by what they say"


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that could not be taken. `number` counts the file's lines from 1; `text` is the line, for correction."""

    number: int
    field: str
    problem: str
    remedy: str
    text: str = attribute(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A line that is no money that came in. `reason` says why in a few words that many lines share."""

    number: int
    reason: str


Line: TypeAlias = TransferArrived | TransferReversed | PassedOver | BrokenLine


class Broken(ValueError):
    """Why a line cannot be taken: the field that is wrong and, if there is one, the remedy."""

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem
        self.remedy = remedy


def while_worth_it(lines: Iterator[Line]) -> Iterator[Line]:
    """A file's lines until too many of them are broken: each takes more room in the database than in the file."""
    broken = 0
    for line in lines:
        if isinstance(line, BrokenLine):
            broken += 1
            if broken > MOST_BROKEN:
                problem = f"more than {MOST_BROKEN} lines are broken: nothing from this one on was read"
                yield BrokenLine(line.number, "file", problem, "make the layout that of the file, and give it again")
                return
        yield line


def arrived(facts: Mapping[str, Any]) -> TransferArrived:
    """The money of a line.

    Raises:
        Broken: naming the first field that does not fit.
    """
    try:
        return TransferArrived.model_validate(facts)
    except ValidationError as wrong:
        raise broken_of(wrong) from None


def broken_of(wrong: ValidationError) -> Broken:
    """What a model says of the first field that does not fit."""
    first = wrong.errors(include_url=False)[0]
    return Broken(str(first["loc"][0]) if first["loc"] else "line", first["msg"])


def in_cents(amount: Decimal) -> str:
    """The same text however many zeros a bank writes; more than two decimals stay, to be refused."""
    _, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int) or (exponent < -2 and any(digits[exponent + 2 :])):  # noqa: PLR2004 — cents
        return str(amount)
    return f"{amount:.2f}"


def transfer_id_of(facts: Mapping[str, str], occurrence: int) -> str:
    """An id for a line whose bank gives none: a hash of its facts, and which of the file's equal lines it is, from 1.

    The same line gets the same id in every file that holds it, as long as a file holds whole days. Facts are as the
    file has them: what decoding or shortening loses still tells two lines apart.
    """
    text = "\x1f".join(f"{name}={facts[name]}" for name in sorted(facts))
    return f"{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}-{occurrence}"


class Alike:
    """Tells lines of one file apart that have no id of their own, and sees an id that stands on two lines."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._ids: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether no more can be remembered."""
        return len(self._seen) >= MOST_WITHOUT_ID

    def broken_line(self, number: int) -> BrokenLine:
        """That nothing behind a line is read, because no more can be remembered."""
        problem = f"{len(self._seen)} different lines have no id of the bank's: nothing behind this one was read"
        return BrokenLine(number, "file", problem, "split the file between two days, and give both halves")

    def id_of(self, facts: Mapping[str, str]) -> str:
        """An id for the next line that says this."""
        equal = transfer_id_of(facts, 0)
        self._seen[equal] += 1
        return transfer_id_of(facts, self._seen[equal])

    def once(self, bank_id: str) -> str:
        """A bank's id that no earlier line of the file has.

        Raises:
            Broken: when one has: nobody can say whether that is one payment or two.
        """
        known = hash(bank_id)
        if known in self._ids:
            raise Broken("transfer_id", _TWICE, _TWO)
        if len(self._ids) < MOST_IDS:
            self._ids.add(known)
        return bank_id
