"""What guests are told, broken by hand: said twice, never, wrongly, or left lying."""

from __future__ import annotations

from tests.support.audit.breaking import Break
from tests.support.audit.day_fixture import HERE, MOVED, OFF, SECOND

_COLUMNS = """booking_id, occasion, audience, channel, recipient, sender_name, text, place, status, due_at, created_at,
waits_since"""


def _another(of: str, **changes: str) -> str:
    """A delivery once more, with some columns changed; `of` says which."""
    columns = [f"'{changes[name]}'" if name in changes else name for name in _COLUMNS.replace("\n", " ").split(", ")]
    return f"INSERT INTO deliveries ({_COLUMNS}) SELECT {', '.join(columns)} FROM deliveries WHERE {of}"


_CONFIRMATION = "booking_id = '{first}' AND occasion = 'confirmed'"
TELLING = [
    *[
        Break(
            "told-once",
            "notifications",
            "DO $$ DECLARE name text; BEGIN SELECT conname INTO name FROM pg_constraint WHERE contype = 'u' AND"
            " conrelid = 'deliveries'::regclass; EXECUTE 'ALTER TABLE deliveries DROP CONSTRAINT ' || quote_ident(name);"
            f" END $$; {_another(_CONFIRMATION, status=status)}",
        )
        for status in ("stored", "delivered")
    ],
    Break(
        "told-once",
        "notifications",
        f"INSERT INTO deliveries ({_COLUMNS}) SELECT {_COLUMNS.replace('channel', chr(39) + 'messenger' + chr(39))}"
        " FROM deliveries WHERE booking_id = '{first}' AND occasion = 'confirmed' AND channel = 'whatsapp'",
    ),
    Break("told-the-outcome", "notifications", "DELETE FROM deliveries WHERE booking_id = '{first}'"),
    Break(
        "told-the-outcome",
        "notifications",
        "UPDATE deliveries SET status = 'failed' WHERE booking_id = '{second}'",
        SECOND,
    ),
    Break(
        "told-the-outcome",
        "notifications",
        "UPDATE deliveries SET status = 'failed' WHERE booking_id = '{first}' AND occasion = 'confirmed';"
        + _another(f"{_CONFIRMATION} LIMIT 1", audience="staff", occasion="staff_alert:payment_ambiguous:7"),
    ),
    Break(
        "told-the-outcome",
        "notifications",
        "UPDATE deliveries SET status = 'withdrawn' WHERE booking_id = '{second}' AND occasion = 'confirmed'",
        SECOND,
    ),
    *[
        Break(
            "messages-leave",
            "notifications",
            "UPDATE deliveries SET status = 'pending', due_at = now() - interval '21 minutes'"
            f" WHERE booking_id = '{{first}}' AND channel = '{channel}'",
        )
        for channel in ("email", "whatsapp")
    ],
    Break(
        "told-the-outcome",
        "notifications",
        "UPDATE deliveries SET occasion = 'refused' WHERE booking_id = '{first}' AND channel = 'email'"
        " AND occasion = 'confirmed'",
    ),
]
TELLING += [
    Break(
        "told-what-became-of-it",
        "notifications",
        f"DELETE FROM deliveries WHERE booking_id = '{{{about}}}' AND occasion LIKE '{occasion}%'",
        about,
    )
    for about, occasion in (
        (MOVED, "modified"),
        (MOVED, "modified:1"),
        (OFF, "modified"),
        (OFF, "cancelled"),
        (HERE, "check_in"),
        (HERE, "check_out"),
    )
]
TELLING += [
    Break(
        "told-what-became-of-it",
        "notifications",
        "DELETE FROM deliveries WHERE booking_id = '{here}' AND occasion ="
        f" (SELECT min(occasion) FROM deliveries WHERE booking_id = '{{here}}' AND occasion LIKE '{event}:%')",
        HERE,
    )
    for event in ("check_in", "check_out")
]
TELLING += [
    Break(
        "told-what-became-of-it",
        "notifications",
        f"UPDATE deliveries SET status = '{status}' WHERE booking_id = '{{moved}}' AND occasion = 'modified:2'",
        MOVED,
    )
    for status in ("withdrawn", "failed", "standby")
]
TELLING += [
    Break("told-what-became-of-it", "notifications", _another(_CONFIRMATION, occasion=occasion))
    for occasion in ("cancelled", "modified:1", "check_in:0123456789ab", "check_out:0123456789ab")
]
