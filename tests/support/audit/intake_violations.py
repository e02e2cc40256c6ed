"""Money that is lost or invented before the ledger, by hand."""

from __future__ import annotations

from tests.support.audit.breaking import Break

_LOOSE = "ALTER TABLE intake DISABLE TRIGGER USER; ALTER TABLE ledger DISABLE TRIGGER USER;"
_NOTE = """INSERT INTO intake (id, source, at, seen, taken, known, passed, broken, amounts, reasons, sent, file, digest,
layout) VALUES (gen_random_uuid(), '{source}', now() - interval '{age}', {seen}, {taken}, 0, 0, 0, '{amounts}', '{{{{}}}}',
{sent}, '{file}', '', '')"""


def _noted(
    *,
    source: str = "kafka",
    age: str = "1 hour",
    seen: int = 1,
    taken: int = 0,
    amounts: str = "{{}}",
    sent: str = "'{{}}'",
) -> str:
    return _NOTE.format(source=source, age=age, seen=seen, taken=taken, amounts=amounts, sent=sent, file="march.csv")


INTAKE = [
    Break("lines-are-accounted", "payments", _noted(), about=""),
    Break("lines-are-accounted", "payments", _noted(seen=0, sent="ARRAY[(SELECT id FROM payments LIMIT 1)]"), about=""),
    # A source told of money that nobody wrote down.
    Break("arrived-is-what-came-in", "payments", _noted(taken=1, amounts='{{"USD": "690.00"}}'), about=""),
    Break(
        "arrived-is-what-came-in",
        "payments",
        f"{_LOOSE} DELETE FROM intake WHERE id = (SELECT id FROM intake WHERE taken > 0 LIMIT 1)",
        about="",
    ),
    # Money that no source told of.
    Break(
        "arrived-is-what-came-in",
        "payments",
        "WITH made AS (INSERT INTO payments (id, source, transfer_id, method, amount, currency, posted_on, arrived_at)"
        " VALUES (gen_random_uuid(), 'kafka', 'made up', 'bank_transfer', 690, 'USD', current_date, now()) RETURNING id)"
        " INSERT INTO ledger (payment_id, kind, cause, amount, at) SELECT id, 'arrived', id, 690, now() FROM made",
        about="",
    ),
    Break("import-arrives", "payments", _noted(sent="ARRAY[gen_random_uuid()]"), about=""),
]
