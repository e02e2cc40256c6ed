"""Words by which banks say that a line is no money that came in: pending, taken back, paid away, a total."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_STATE_HEADINGS: Final = frozenset(
    [
        "state",
        "status",
        "estado",
        "situacion",
        "info",
        "transaction status",
        "estado del movimiento",
        "buchungsstatus",
        "umsatzstatus",
        "estado de la transaccion",
        "estatus",
        "stato",
        "etat",
    ]
)
_NOT_FINAL: Final = re.compile(
    r"\b(pend|revert|reversed|declin|fail|fallid|cancel|reject|rechaz|anulad|devuelt|vorgemerkt|abgelehnt|storniert"
    r"|en proceso|en transito|retenid|expired|vencid|on hold|processing|authori[sz]ed|initiated|unpaid|blocked)"
)
_OFTEN_PROSE: Final = frozenset({"info"})
_NOT_BOOKED: Final = re.compile(r"\bumsatz vorgemerkt\b|^vorgemerkt$|^pendiente$|^pending$")
_WAY_HEADINGS: Final = frozenset(
    [
        "direction",
        "credit/debit",
        "debit/credit",
        "dr/cr",
        "cr/dr",
        "d/c",
        "c/d",
        "s/h",
        "soll/haben",
        "sentido",
        "debito/credito",
        "credito/debito",
        "cargo/abono",
        "naturaleza",
        "dc",
        "cd",
        "sh",
        "credit debit indicator",
        "cdtdbtind",
        "debit/credit indicator",
        "tipo de movimiento",
    ]
)
_OUT: Final = frozenset({"d", "dr", "db", "dbit", "debit", "debito", "cargo", "s", "soll", "out", "debe", "egreso"})
_TOTAL: Final = re.compile(r"(sub)?total(es)?\b|suma\b|summe\b|gesamt\b|saldo\b|balance\b|grand total\b")


def plain(text: str) -> str:
    """A word without accents, in lower case."""
    return "".join(
        sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign)
    ).strip()


def decides(heading: str) -> bool:
    """Whether a bank says under this heading that a line is no money, or that it went out."""
    return plain(heading) in _STATE_HEADINGS | _WAY_HEADINGS


def why_not(heading: str, value: str) -> str:
    """Why a line with this value under such a heading is no money that came in; empty if it may be."""
    name, said = plain(heading), plain(value)
    if name in _WAY_HEADINGS:
        return "debit" if said.rstrip(".") in _OUT else ""
    pattern = _NOT_BOOKED if name in _OFTEN_PROSE else _NOT_FINAL
    return "not final" if pattern.search(said) else ""


def is_total(value: str) -> bool:
    """Whether a cell begins with the word for a total."""
    return bool(_TOTAL.match(plain(value)))
