"""What an entry of a statement says: each payment in it with its own direction, state, amount and id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element

from pydantic import ValidationError

from services.payments.feeds.camt.amounts import amount_in, charges_of, single_amount
from services.payments.feeds.camt.elements import all_in, find_in, text_in
from services.payments.feeds.camt.layout import CamtLayout
from services.payments.feeds.lines import Alike, Broken, BrokenLine, Line, PassedOver, arrived, broken_of, in_cents
from shared.contracts.common import is_placeholder
from shared.contracts.payments import TransferReversed

_CREDIT: Final = "CRDT"
_DEBIT: Final = "DBIT"
_BOOKED: Final = "BOOK"
_REMEDY: Final = "correct the entry and import the statement again"
_ASK: Final = "ask the bank what each payment of the entry is, and record each as a correction"


@dataclass(frozen=True, slots=True)
class Part:
    """One payment of an entry: the detail, which of how many it is, and what it says for itself or the entry for it."""

    detail: Element
    place: int
    way: str
    reversal: bool
    amount: Decimal | None

    @property
    def signed(self) -> Decimal:
        """What it adds to the account."""
        amount = self.amount or Decimal(0)
        return amount if self.way == _CREDIT else -amount


class EntryReader:
    """Reads entries, and tells those apart that the bank gives no id."""

    def __init__(self, layout: CamtLayout) -> None:
        self._layout = layout
        self.alike = Alike()

    def take(self, number: int, entry: Element, account_currency: str) -> Iterator[Line]:
        """What an entry says: a line for each payment in it."""
        state = state_of(entry)
        if state != _BOOKED:
            yield PassedOver(number, "not booked")
            return
        if _only_debits(entry):
            yield PassedOver(number, "debit")
            return
        try:
            amount, currency = single_amount(entry, account_currency)
            parts = _parts(entry, currency, amount)
        except Broken as wrong:
            yield self._broken(number, wrong, entry)
            return
        ids = _bank_ids(entry, parts)
        for part in parts:
            facts = _facts(entry, part, currency)
            try:
                yield self._line(number, part, facts, ids[part.place])
            except Broken as wrong:
                yield BrokenLine(number, wrong.field, wrong.problem, wrong.remedy or _REMEDY, repr(facts))

    def _line(self, number: int, part: Part, facts: dict[str, str], bank_id: str) -> Line:
        if state_of(part.detail, _BOOKED) != _BOOKED:
            return PassedOver(number, "not booked")
        if part.way != _CREDIT:
            return self._taken_back(facts, bank_id) if part.reversal else PassedOver(number, "debit")
        if part.reversal:
            return PassedOver(number, "reversal of a debit")
        if not part.amount:
            return PassedOver(number, "zero")
        line = facts | {"source": self._layout.source, "transfer_id": bank_id or "x"}
        money = arrived({**line, "property_id": self._layout.property_id})
        own = self.alike.once(money.transfer_id) if bank_id else self.alike.id_of(facts)
        return money.model_copy(update={"transfer_id": own})

    def _taken_back(self, facts: dict[str, str], bank_id: str) -> TransferReversed:
        if not bank_id:
            problem = "the bank took money back, and does not say of which transfer"
            raise Broken("transfer_id", problem, "ask the bank which, and refund what is free of it")
        reversal_id = self.alike.id_of(facts | {"taken back": bank_id})
        line = {**facts, "source": self._layout.source, "transfer_id": bank_id, "reversal_id": reversal_id}
        try:
            return TransferReversed.model_validate({**line, "property_id": self._layout.property_id})
        except ValidationError as wrong:
            raise broken_of(wrong) from None

    def _broken(self, number: int, wrong: Broken, entry: Element) -> BrokenLine:
        facts = {
            "amount": text_in(entry, "Amt"),
            "posted_on": _date(entry),
            "id": text_in(entry, "AcctSvcrRef"),
            "payers": [payer_of(detail) for detail in _details(entry)],
        }
        return BrokenLine(number, wrong.field, wrong.problem, wrong.remedy or _REMEDY, repr(facts))


def state_of(element: Element, default: str = "") -> str:
    """Whether an entry, or a payment in it, is booked: BOOK."""
    return text_in(element, "Sts", "Cd") or text_in(element, "Sts") or default


def payer_of(detail: Element) -> str:
    """Who paid: the debtor, or else for whom somebody paid."""
    for debtor in ("Dbtr", "UltmtDbtr"):
        for path in (("Nm",), ("Pty", "Nm")):
            name = text_in(detail, "RltdPties", debtor, *path)
            if not is_placeholder(name):
                return name
    return ""


def _only_debits(entry: Element) -> bool:
    ways = {text_in(one, "CdtDbtInd") or text_in(entry, "CdtDbtInd") for one in (entry, *_details(entry))}
    return ways == {_DEBIT} and not any(_is_reversal(one) for one in (entry, *_details(entry)))


def _details(entry: Element) -> list[Element]:
    return [one for group in all_in(entry, "NtryDtls") for one in all_in(group, "TxDtls")]


def _parts(entry: Element, currency: str, amount: Decimal) -> list[Part]:
    """The payments of an entry.

    Raises:
        Broken: when nobody can say what each is, or they do not make the entry's amount.
    """
    way = _way(text_in(entry, "CdtDbtInd"))
    turned = _is_reversal(entry)
    details = _details(entry)
    if len(details) <= 1:
        detail = details[0] if details else entry
        if way == _CREDIT and _way(text_in(detail, "CdtDbtInd") or way) != way:
            raise Broken("amount", "the entry is a credit, and its only payment a debit", _ASK)
        return [Part(detail, 0, way, turned or _is_reversal(detail), amount)]
    parts = [
        Part(
            detail,
            place,
            _way(text_in(detail, "CdtDbtInd") or way),
            turned or _is_reversal(detail),
            amount_in(detail, currency),
        )
        for place, detail in enumerate(details, 1)
    ]
    return _that_add_up(entry, parts, amount if way == _CREDIT else -amount, currency)


def _that_add_up(entry: Element, parts: Sequence[Part], signed: Decimal, currency: str) -> list[Part]:
    """Parts that make the entry's amount, as they stand or less what the bank kept of each."""
    if any(part.amount is None for part in parts):
        told = f"the entry of {abs(signed)} {currency} sums {len(parts)} payments up"
        problem = f"{told}, and does not say what each of them is in that currency"
        raise Broken("amount", problem, _ASK)
    made = sum((part.signed for part in parts), Decimal(0))
    if signed in {made, made - charges_of(entry, currency)}:
        return list(parts)
    net = [
        Part(part.detail, part.place, part.way, part.reversal, (part.amount or 0) - charges_of(part.detail, currency))
        for part in parts
    ]
    if sum((part.signed for part in net), Decimal(0)) == signed:
        return net
    raise Broken("amount", f"the entry is of {signed}, and its {len(parts)} payments make {made}", _ASK)


def _way(word: str) -> str:
    if word not in {_CREDIT, _DEBIT}:
        raise Broken("amount", "the entry does not say whether it is a credit or a debit", _REMEDY)
    return word


def _is_reversal(element: Element) -> bool:
    return text_in(element, "RvslInd") in {"true", "1"} or find_in(element, "RtrInf") is not None


def _bank_ids(entry: Element, parts: Sequence[Part]) -> Mapping[int, str]:
    """The bank's own id of each payment, by its place; empty where there is none.

    What several payments of one entry share is none of theirs: then it is the entry's id and the payment's place.
    """
    whole = _reference(entry, "AcctSvcrRef")
    own = {part.place: _own(part.detail) if part.detail is not entry else "" for part in parts}
    shared = Counter(own.values())
    ids = {}
    for place, one in own.items():
        if one and one != whole and shared[one] == 1:
            ids[place] = one
        else:
            ids[place] = f"{whole or one}/{place}" if place and (whole or one) else whole or one
    return ids


def _own(detail: Element) -> str:
    return _reference(detail, "Refs", "AcctSvcrRef") or _reference(detail, "Refs", "TxId")


def _reference(element: Element, *path: str) -> str:
    found = text_in(element, *path)
    return "" if is_placeholder(found) else found


def _facts(entry: Element, part: Part, currency: str) -> dict[str, str]:
    facts = {
        "amount": in_cents(part.amount or Decimal(0)),
        "currency": currency,
        "posted_on": _date(entry),
        "payer": payer_of(part.detail),
        "reference": _purpose(part.detail),
    }
    needed = {"amount", "currency", "posted_on"}
    return {name: value for name, value in facts.items() if value or name in needed}


def _purpose(detail: Element) -> str:
    """All that may name the payment, once each: a slip's reference is found among the words."""
    infos = all_in(detail, "RmtInf")
    references = [text_in(one, "CdtrRefInf", "Ref") for info in infos for one in all_in(info, "Strd")]
    references += [(one.text or "").strip() for info in infos for one in all_in(info, "Ustrd")]
    references.append(text_in(detail, "Refs", "EndToEndId"))
    return " ".join(dict.fromkeys(one for one in references if not is_placeholder(one)))


def _date(entry: Element) -> str:
    dates = (text_in(entry, name, kind) for name in ("BookgDt", "ValDt") for kind in ("Dt", "DtTm"))
    return re.sub(r"\s", "", next(filter(None, dates), ""))[:10]
