"""Money that comes in: each line that a source told is accounted for, and what was taken is what the ledger has."""

from __future__ import annotations

from typing import Final

from posada.audit.invariant import LEDGER, AuditTime, Row, of_database

_BROKEN: Final = "posada payments broken"
_SET_ASIDE: Final = "posada dead list"

_LINES: Final = """
SELECT source, file, sum(seen) AS seen,
       sum(taken + known + passed + broken + cardinality(sent)) AS accounted
FROM intake GROUP BY source, file
HAVING sum(seen) <> sum(taken + known + passed + broken + cardinality(sent)) ORDER BY source, file"""
# What sources said, and what the ledger has: each counted where it is written, in one snapshot.
_MONEY: Final = """
WITH came AS (
    SELECT source, key AS currency, sum(value::numeric) AS came, sum(taken) AS lines
    FROM intake CROSS JOIN jsonb_each_text(amounts) GROUP BY source, key),
recorded AS (
    SELECT source, currency, sum(entry.amount) AS recorded
    FROM ledger AS entry JOIN payments ON payments.id = payment_id WHERE kind = 'arrived' GROUP BY source, currency)
SELECT source, currency, coalesce(came, 0) AS came, coalesce(recorded, 0) AS recorded
FROM came FULL JOIN recorded USING (source, currency)
WHERE came IS DISTINCT FROM recorded ORDER BY source, currency"""
_SENT: Final = """
SELECT intake.source, file, min(at) AS at, count(*) AS missing
FROM intake CROSS JOIN unnest(sent) AS payment_id LEFT JOIN payments ON payments.id = payment_id
WHERE payments.id IS NULL GROUP BY intake.source, file ORDER BY intake.source, file"""


@of_database(
    "lines-are-accounted",
    "Each line that a source told was taken, known before, passed over, broken or sent on, with its reason",
    service="payments",
    query=_LINES,
    remedy=_BROKEN,
)
def lines_are_accounted(row: Row, _: AuditTime) -> tuple[object, str]:
    """Lines of a source vanished, or came from nowhere, where they were read."""
    return _origin(row), f"{row['seen']} lines were seen, and {row['accounted']} are accounted for"


@of_database(
    "arrived-is-what-came-in",
    "For each source: the money that it told of is the money that arrived by the ledger",
    service="payments",
    query=_MONEY,
    remedy=LEDGER,
)
def arrived_is_what_came_in(row: Row, _: AuditTime) -> tuple[object, str]:
    """Money was lost or invented between its source and the ledger."""
    more = row["recorded"] > row["came"]
    what = "without a line that says so" if more else "short of what it told"
    told = f"it told of {row['came']} {row['currency']}, and the ledger has {row['recorded']}"
    return f"{row['source']} {row['currency']}", f"{told}: {abs(row['came'] - row['recorded'])} {what}"


@of_database(
    "import-arrives",
    "What an operator's import sent on is recorded",
    service="payments",
    query=_SENT,
    remedy=_SET_ASIDE,
)
def import_arrives(row: Row, time: AuditTime) -> tuple[object, str] | None:
    """Lines of an imported file were sent on and are no payments; on their way they are no finding."""
    if row["at"] > time.now - time.patience:
        return None
    return _origin(row), f"{row['missing']} lines were sent on and are not recorded: import the file again"


def _origin(row: Row) -> str:
    return f"{row['source']} {row['file']}".strip()
