"""How values are written in JSON: exactly what is accepted, with the JSON Schema that says the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from annotated_types import Ge, GroupedMetadata, Le
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from shared.messages.incoming import BLANKS

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MONEY = re.compile(r" *0*[0-9]+(\.[0-9]+)? *")
_DIGITS = re.compile(r"[0-9]{1,15}")
_CONTROLS = r"\x00-\x1f\x7f"


class Form(GroupedMetadata):
    """Validators and a JSON Schema that belong together, as one entry of `Annotated`."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[Any]:
        for part in self._parts:
            if isinstance(part, GroupedMetadata):
                yield from part
            else:
                yield part


def line(longest: int) -> Form:
    """One line of text without control characters; blanks at its ends are removed and do not count."""
    edge, inner = f"[^{_CONTROLS}{BLANKS}]", f"[^{_CONTROLS}]"
    pattern = f"^[{BLANKS}]*{edge}(?:{inner}{{0,{longest - 2}}}{edge})?[{BLANKS}]*$"
    return Form(
        StringConstraints(strip_whitespace=True, min_length=1, max_length=longest, pattern=f"^[^{_CONTROLS}]*$"),
        WithJsonSchema({"type": "string", "minLength": 1, "pattern": pattern}),
    )


def whole(least: int, most: int, description: str = "") -> Form:
    """A whole number, also as text of digits: forms and chat builders have nothing but text."""
    digits = {"type": "string", "pattern": _number_pattern(least, most)}
    schema = {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, digits]}
    described = {"description": description} if description else {}
    return Form(BeforeValidator(_whole), Ge(least), Le(most), WithJsonSchema(schema | described))


def money(description: str, *, above_zero: bool = False) -> Form:
    """An amount as a JSON number or as text."""
    least = {"exclusiveMinimum" if above_zero else "minimum": 0}
    number = {"type": "number", **least, "maximum": 9_999_999_999.99, "multipleOf": 0.01}
    text: dict[str, Any] = {"type": "string", "pattern": r"^ *0*[0-9]{1,10}(\.[0-9]{1,2}0*)? *$"}
    if above_zero:
        text["allOf"] = [{"pattern": "[1-9]"}]
    return Form(BeforeValidator(_money), WithJsonSchema({"anyOf": [number, text], "description": description}))


def one_of(values: Iterable[str], words: Mapping[str, str]) -> Form:
    """A word from a list, for which others also have other words, in small or capital letters."""
    known = {word.casefold(): value for word, value in words.items()}

    def translated(given: Any) -> Any:
        return known.get(given.strip().casefold(), given) if isinstance(given, str) else given

    others = {"type": "string", "pattern": f"^[{BLANKS}]*(?:{'|'.join(map(any_case, words))})[{BLANKS}]*$"}
    return Form(BeforeValidator(translated), WithJsonSchema({"anyOf": [{"enum": list(values)}, others]}))


def any_case(word: str) -> str:
    """A pattern for a word in small and capital letters: JSON Schema's patterns have no flag for that."""
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else re.escape(letter) for letter in word)


def _whole(given: Any) -> Any:
    if isinstance(given, bool) or (isinstance(given, str) and not _DIGITS.fullmatch(given)):
        raise PydanticCustomError("int_form", "must be a whole number such as 2")
    return given


def _money(given: Any) -> Any:
    if isinstance(given, str):
        if given.lstrip(" ").startswith("-"):
            raise PydanticKnownError("greater_than_equal", {"ge": 0})
        if not _MONEY.fullmatch(given):
            raise PydanticCustomError("decimal_form", 'must be a decimal number such as "690.00"')
    elif isinstance(given, bool):
        raise PydanticCustomError("decimal_form", 'must be a decimal number such as "690.00"')
    return given


def _number_pattern(least: int, most: int) -> str:
    """A pattern for the numbers from `least`, which is 0 or 1, to `most`; zeros in front are allowed."""
    return f"^0*(?:{'|'.join(_up_to(str(most), first=least))})$"


def _up_to(most: str, first: int) -> list[str]:
    """Patterns for the numbers without zeros in front from `first` to `most`, the shorter ones first."""
    shorter = [f"[1-9][0-9]{{{length - 1}}}" if length > 1 else f"[{first}-9]" for length in range(1, len(most))]
    longest: list[str] = []
    for place, digit in enumerate(most):
        lowest = (1 if len(most) > 1 else first) if place == 0 else 0
        if int(digit) > lowest:
            rest = len(most) - place - 1
            longest.append(f"{most[:place]}[{lowest}-{int(digit) - 1}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return [*shorter, *longest, most]


def _written_day(given: Any) -> Any:
    """A number or a time is no date, though a library would make one of it."""
    if isinstance(given, date) or (isinstance(given, str) and _DAY.fullmatch(given)):
        return given
    raise PydanticCustomError("date_form", "must be a date such as 2027-05-01")


def _sane_day(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise PydanticCustomError("day", "must be a date from 2000 to 2199, such as 2027-05-01")
    return day


def _written_moment(given: Any) -> Any:
    if isinstance(given, datetime) or (isinstance(given, str) and _MOMENT.fullmatch(given)):
        return given
    raise PydanticCustomError("datetime_form", "must be a time with its zone, such as 2027-05-01T15:00:00Z")


DAY = Form(
    BeforeValidator(_written_day),
    AfterValidator(_sane_day),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "pattern": "^2[01][0-9]{2}-[0-9]{2}-[0-9]{2}$",
            "description": "A date, 2000 to 2199.",
        }
    ),
)
MOMENT = Form(
    BeforeValidator(_written_moment),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": f"^{_MOMENT.pattern}$",
            "description": "A time with its zone, 2000 to 2199.",
        }
    ),
)
