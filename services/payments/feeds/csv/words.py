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
    r"\b(pend|revert|revers[ae]|(?<!partially )refund|(?<!parcialmente )reembols"
    r"|charge ?back|contracargo|returned|retornad|bounced|void"
    r"|declin|fail|fallid|cancel|reject|rechaz|deneg|denied|anulad|devuelt|vorgemerkt|abgelehnt|storniert"
    r"|en proceso|en transito|en revision|por aplicar|no (procesad|aplicad|pagad)|retenid|expired|expirad|vencid"
    r"|on hold|processing|in review|authori[sz]ed|initiated|unpaid|blocked)"
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
        "debe/haber",
        "d/h",
        "dr cr",
        "cr dr",
        "tipo movimiento",
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
_AROUND_SLASHES: Final = re.compile(r"\s*/\s*")
_TOTAL: Final = re.compile(r"(sub)?total(es)?\b|suma\b|summe\b|gesamt\b|saldo\b|balance\b|grand total\b")


def plain(text: str) -> str:
    """A word without accents, in lower case."""
    return "".join(
        sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign)
    ).strip()


def decides(heading: str) -> bool:
    """Whether a bank says under this heading that a line is no money, or that it went out."""
    return _heading(heading) in _STATE_HEADINGS | _WAY_HEADINGS


def why_not(heading: str, value: str) -> str:
    """Why a line with this value under such a heading is no money that came in; empty if it may be."""
    name, said = _heading(heading), plain(value)
    if name in _WAY_HEADINGS:
        return "debit" if said.rstrip(".") in _OUT else ""
    pattern = _NOT_BOOKED if name in _OFTEN_PROSE else _NOT_FINAL
    return "not final" if pattern.search(said) else ""


def is_total(value: str) -> bool:
    """Whether a cell begins with the word for a total."""
    return bool(_TOTAL.match(plain(value)))


def _heading(text: str) -> str:
    return _AROUND_SLASHES.sub("/", plain(text))
