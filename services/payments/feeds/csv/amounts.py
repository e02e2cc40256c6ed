"""Amounts as banks write them: signs, brackets, currencies, and thousands apart in each country's way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_BLANKS: Final = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\t"), " ")
_SIGNS: Final = dict.fromkeys(map(ord, "\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d"), "-")
_QUOTES: Final = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u2032\u00b4`"), "'")
_FOLDED: Final = _BLANKS | _SIGNS | _QUOTES
_PARTS: Final = re.compile(r"([^0-9.,']*)((?:[0-9]|[.,](?=[0-9]))(?:[0-9.,' ]*[0-9])?[.,]?)([^0-9.,']*)")
_MARKS: Final = re.compile(r"[a-z]+\$?|[^a-z\s]")
_DOTTED: Final = re.compile(r"\b(Rs|Cr|Dr|Fr|Bs|Db|L|Lps|Q)\.", re.IGNORECASE)
_SLASHED: Final = {"S/.": "PEN ", "S/": "PEN ", "B/.": "PAB ", "B/": "PAB "}
_CREDIT: Final = frozenset({"+", "cr", "c", "h", "haben", "credit", "abono", "crdt"})
_DEBIT: Final = frozenset({"-", "dr", "d", "db", "s", "soll", "debit", "cargo", "dbit"})
_NEUTRAL: Final = frozenset({"$", "fr"})  # of several currencies
_CURRENCIES: Final = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "rs": "INR",
    "¥": "JPY",
    "₡": "CRC",
    "us$": "USD",
    "c$": "NIO",
    "r$": "BRL",
    "q": "GTQ",
    "l": "HNL",
    "lps": "HNL",
    "bs": "BOB",
}
_NO_DOLLARS: Final = frozenset(_CURRENCIES.values()) - {"USD", "NIO", "BRL"}
_CODE: Final = re.compile(r"[A-Z]{3}")
_AMBIGUOUS: Final = re.compile(r"[.,]000")


@dataclass(frozen=True, slots=True)
class WrittenAmount:
    """An amount, below zero for what went out, with the currency that stands beside it: empty for none."""

    amount: Decimal
    currency: str = ""
    dollars: bool = False

    def may_be(self, currency: str) -> bool:
        """Whether what stands beside the amount allows this currency."""
        return self.currency in {"", currency} and not (self.dollars and currency in _NO_DOLLARS)


def read_amount(text: str, *, decimal_comma: bool) -> WrittenAmount | None:
    """The amount in a cell; None where there is none, or nobody can say which."""
    folded = text.translate(_FOLDED)
    for sign, code in _SLASHED.items():
        folded = folded.replace(sign, code)
    found = _PARTS.fullmatch(_DOTTED.sub(r"\1 ", folded).strip())
    if not found:
        return None
    before, number, after = found.groups()
    amount = _number(number, decimal_comma=decimal_comma)
    bracketed = "(" in before and ")" in after
    marks = _MARKS.findall(f"{before} {after}".casefold().replace("(", " ").replace(")", " "))
    if amount is None or before.count("(") + after.count(")") not in {0, 2 * bracketed}:
        return None
    return _written(amount, marks, bracketed=bracketed)


def is_empty(text: str) -> bool:
    """Whether a cell has no amount: it is blank, or has the strokes that some banks write there."""
    return not text.translate(_FOLDED).strip("- ")


def currency_in(text: str) -> str:
    """The code of a currency that a cell names by its code or sign; the text itself where it is neither."""
    return _CURRENCIES.get(text.strip().casefold(), text.strip().upper())


def _written(amount: Decimal, marks: list[str], *, bracketed: bool) -> WrittenAmount | None:
    ways = {mark in _DEBIT for mark in marks if mark in _DEBIT | _CREDIT} | ({True} if bracketed else set())
    others = [mark for mark in marks if mark not in _DEBIT | _CREDIT]
    named = {_CURRENCIES.get(mark, mark.upper()) for mark in others if mark not in _NEUTRAL}
    signs = marks.count("-") + marks.count("+")
    if len(ways) > 1 or len(named) > 1 or signs > 1 or not all(map(_CODE.fullmatch, named)):
        return None
    return WrittenAmount(-amount if True in ways else amount, "".join(named), bool(_NEUTRAL & set(others)))


def _number(text: str, *, decimal_comma: bool) -> Decimal | None:
    point, group = (",", ".") if decimal_comma else (".", ",")
    whole, _, rest = text.partition(point)
    if point in rest or _AMBIGUOUS.fullmatch(text[len(whole) :]):  # 690.000 may be as many thousands
        return None
    digits = _ungrouped(whole, group)
    if digits is None or (rest and not rest.isdigit()) or not digits + rest:
        return None
    return Decimal(f"{digits or 0}.{rest or 0}")


def _ungrouped(whole: str, group: str) -> str | None:
    """Digits without what stands between thousands: in threes or, as in India, in twos before the last three."""
    if not whole or whole.isdigit():
        return whole
    for sign in (group, "'", " "):
        first, *others = whole.split(sign)
        if not others or not all(part.isdigit() for part in (first, *others)) or len(others[-1]) != 3:  # noqa: PLR2004
            continue
        threes = len(first) <= 3 and all(len(part) == 3 for part in others)  # noqa: PLR2004 — thousands
        twos = sign == "," and len(first) <= 2 and all(len(part) == 2 for part in others[:-1])  # noqa: PLR2004
        if threes or twos:
            return "".join((first, *others))
    return None
