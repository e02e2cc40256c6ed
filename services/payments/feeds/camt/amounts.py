"""Amounts in an entry of a statement: the account's currency counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element

from services.payments.feeds.camt.elements import all_in, find_in, text_in
from services.payments.feeds.lines import Broken

_NUMBER: Final = re.compile(r"\d{1,18}(\.\d*)?|\.\d+")
_IN_DETAILS: Final = ("TxAmt", "CntrValAmt", "InstdAmt")
_PLACES: Final = (("Amt",), *(("AmtDtls", name, "Amt") for name in _IN_DETAILS))
_ASK: Final = "ask the bank what arrived on the account, and record it as a correction"


def single_amount(entry: Element, account_currency: str) -> tuple[Decimal, str]:
    """What an entry moves on the account, and the currency: the account's, where the statement names it.

    Raises:
        Broken: when it says no amount, or none in the account's currency.
    """
    written = find_in(entry, "Amt")
    currency = account_currency or ("" if written is None else written.get("Ccy", ""))
    found = amount_in(entry, currency)
    if found is None:
        in_other = written is not None and _NUMBER.fullmatch((written.text or "").strip())
        wanted = f"the entry does not say its amount in {currency}" if in_other else "the entry says no amount"
        raise Broken("amount", wanted, _ASK)
    return found, currency


def amount_in(element: Element, currency: str) -> Decimal | None:
    """What an entry or a payment in it says that it is in a currency; None where it does not."""
    return next(_amounts(element, currency), None)


def charges_of(element: Element, currency: str) -> Decimal:
    """What the bank kept of an entry or a payment."""
    kept = Decimal(0)
    for charges in all_in(element, "Chrgs"):
        for record in all_in(charges, "Rcrd") or [charges]:
            amount = _number(find_in(record, "Amt"), currency)
            if amount is not None and text_in(record, "CdtDbtInd") != "CRDT":
                kept += amount
    return kept


def _amounts(element: Element, currency: str) -> Iterator[Decimal]:
    for path in _PLACES:
        found = _number(find_in(element, *path), currency)
        if found is not None:
            yield found


def _number(written: Element | None, currency: str) -> Decimal | None:
    if written is None or written.get("Ccy", "") != currency:
        return None
    text = (written.text or "").strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None
