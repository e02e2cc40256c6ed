"""Every invariant broken by hand, in SQL: which statements, in whose database, and what must be named for it."""

from __future__ import annotations

from shared.contracts.topics import SERVICES
from tests.support.audit.breaking import Break
from tests.support.audit.day_fixture import HERE, MISSED, MOVED, OFF, SECOND, SHORT, UNPAID
from tests.support.audit.intake_violations import INTAKE
from tests.support.audit.notification_violations import TELLING

_LOG = "ALTER TABLE audit_log DISABLE TRIGGER USER;"
_NIGHTS = "ALTER TABLE room_nights DROP CONSTRAINT room_nights_pkey;"
_STAY = "INSERT INTO stays SELECT {code}, {owner}, 9, status, room_type, '1A', adults, 0, 0, amount FROM stays LIMIT 1"
_HOLD = """INSERT INTO holds SELECT gen_random_uuid(), property_id, 'held', check_in + 90, check_out + 90, rooms,
now() + interval '1 hour', NULL, answer, '{{}}', now() FROM holds WHERE booking_id = '{first}'"""

ROOMS = [
    Break(
        "room-sold-once",
        "availability",
        f"{_NIGHTS} INSERT INTO room_nights SELECT property_id, room, night, '{{second}}' FROM room_nights"
        " WHERE booking_id = '{first}'",
        about="",
    ),
    Break(
        "room-sold-once",
        "availability",
        "UPDATE holds SET (rooms, check_in, check_out) = (SELECT rooms, check_in, check_out FROM holds"
        " WHERE booking_id = '{first}') WHERE booking_id = '{second}'",
        about="",
    ),
    Break(
        "within-capacity",
        "availability",
        f"{_NIGHTS} INSERT INTO room_nights SELECT 'las-hojas', '22', current_date + 9000, '{{first}}'"
        " FROM generate_series(1, 6)",
        about="",
    ),
    Break(
        "within-capacity",
        "availability",
        "INSERT INTO room_nights VALUES ('las-hojas', 'attic', current_date + 9000, '{first}')",
        about="",
    ),
    Break(
        "within-capacity",
        "availability",
        "UPDATE rooms SET (out_of_order_from, out_of_order_until) = (current_date + 9000, current_date + 9000)"
        " WHERE number = '22'; INSERT INTO room_nights SELECT 'las-hojas', number, current_date + 9000, '{first}'"
        " FROM rooms WHERE type_key = (SELECT type_key FROM rooms WHERE number = '22')",
        about="",
    ),
    Break(
        "nights-as-held",
        "availability",
        "DELETE FROM room_nights WHERE booking_id = '{first}' AND ctid ="
        " (SELECT min(ctid) FROM room_nights WHERE booking_id = '{first}')",
    ),
    Break(
        "nights-as-held",
        "availability",
        "INSERT INTO room_nights VALUES ('las-hojas', '22', '2026-05-01', '{short}')",
        about=SHORT,
    ),
    Break(
        "nights-as-held",
        "availability",
        "INSERT INTO room_nights VALUES ('las-hojas', '22', '2026-05-01', gen_random_uuid())",
        about="",
    ),
    Break("confirmed-has-rooms", "availability", "UPDATE holds SET state = 'held' WHERE booking_id = '{first}'"),
    Break("confirmed-has-rooms", "availability", "DELETE FROM holds WHERE booking_id = '{first}'"),
    Break("confirmed-has-rooms", "availability", "UPDATE holds SET codes = '{{}}' WHERE booking_id = '{first}'"),
    Break("confirmed-has-rooms", "booking", "DELETE FROM stays WHERE booking_id = '{first}' AND line = 2"),
    Break(
        "ended-has-no-rooms", "availability", "UPDATE holds SET state = 'booked' WHERE booking_id = '{short}'", SHORT
    ),
    Break("ended-has-no-rooms", "booking", _STAY.format(code="'HR1'", owner="'{short}'"), SHORT),
    Break("ended-has-no-rooms", "availability", "UPDATE holds SET state = 'booked' WHERE booking_id = '{off}'", OFF),
    Break(
        "ended-has-no-rooms", "availability", "UPDATE holds SET state = 'booked' WHERE booking_id = '{missed}'", MISSED
    ),
    Break("rooms-have-an-owner", "availability", _HOLD, about=""),
]
BOOKINGS = [
    Break(
        "rooms-have-an-owner",
        "booking",
        f"{_LOG} DELETE FROM stays WHERE booking_id = '{{first}}'; DELETE FROM audit_log WHERE booking_id = '{{first}}';"
        "DELETE FROM sagas WHERE id = '{first}'; DELETE FROM bookings WHERE id = '{first}'",
    ),
    Break(
        "code-once",
        "booking",
        "ALTER TABLE stays DROP CONSTRAINT stays_pkey;"
        + _STAY.format(code="(SELECT code FROM stays WHERE booking_id = '{first}' AND line = 1)", owner="'{second}'"),
        about="",
    ),
    Break("legal-path", "booking", "UPDATE bookings SET status = 'CHECKED_OUT' WHERE id = '{first}'"),
    Break(
        "legal-path", "booking", f"{_LOG} DELETE FROM audit_log WHERE booking_id = '{{first}}' AND action = 'CREATE'"
    ),
    Break(
        "legal-path",
        "booking",
        "INSERT INTO audit_log (booking_id, at, who, action, changes) SELECT booking_id, at, who, action, changes"
        " FROM audit_log WHERE booking_id = '{first}' AND action = 'CONFIRM'",
    ),
    Break(
        "legal-path",
        "booking",
        "INSERT INTO audit_log (booking_id, at, who, action, changes) VALUES ('{short}', now(), 'x', 'UPDATE',"
        """ '[{{"field": "status", "old": "REJECTED", "new": "CONFIRMED"}}]');"""
        "UPDATE bookings SET status = 'CONFIRMED' WHERE id = '{short}'",
        SHORT,
    ),
    Break("legal-stays", "booking", "UPDATE stays SET status = 'CHECKED_IN' WHERE booking_id = '{second}'", SECOND),
    Break("legal-stays", "booking", "UPDATE bookings SET status = 'CHECKED_IN' WHERE id = '{first}'"),
    Break("legal-stays", "booking", "UPDATE bookings SET status = 'CONFIRMED' WHERE id = '{here}'", HERE),
    *[
        Break(
            "legal-stays",
            "booking",
            "INSERT INTO audit_log (booking_id, at, who, action, changes) SELECT booking_id, now(), 'x', 'UPDATE',"
            f" jsonb_build_array(jsonb_build_object('field', code || '.status', 'old', '{old}', 'new', 'CHECKED_OUT'))"
            " FROM stays WHERE booking_id = '{first}' AND line = 1;"
            "UPDATE stays SET status = 'CHECKED_OUT' WHERE booking_id = '{first}' AND line = 1",
        )
        for old in ("CONFIRMED", "CHECKED_IN")
    ],
    Break("saga-in-time", "booking", "UPDATE sagas SET phase = 'finishing', wake_at = NULL WHERE id = '{first}'"),
    Break(
        "saga-in-time",
        "booking",
        "UPDATE sagas SET phase = 'finishing', wake_at = now() - interval '1 hour' WHERE id = '{first}'",
    ),
    Break(
        "saga-in-time",
        "booking",
        "UPDATE sagas SET phase = 'undoing', wake_at = now() + interval '9 days' WHERE id = '{short}'",
        SHORT,
    ),
    Break(
        "change-in-time",
        "booking",
        "UPDATE sagas SET phase = 'finishing', wake_at = NULL WHERE data ->> 'booking_id' = '{moved}'",
        MOVED,
    ),
    Break("saga-agrees", "booking", "UPDATE sagas SET wake_at = now() WHERE id = '{first}'"),
    Break("saga-agrees", "booking", "UPDATE sagas SET phase = 'finishing' WHERE id = '{first}'"),
    Break(
        "saga-agrees",
        "booking",
        """UPDATE sagas SET progress = jsonb_set(progress, '{{verdict}}', '"failed"') WHERE id = '{first}'""",
    ),
    Break("saga-agrees", "booking", "DELETE FROM sagas WHERE id = '{first}'"),
    Break(
        "saga-agrees",
        "booking",
        f"{_LOG} DELETE FROM audit_log WHERE booking_id = '{{short}}'; DELETE FROM bookings WHERE id = '{{short}}'",
        SHORT,
    ),
    *[
        Break(
            f"sent-by-{service}",
            service,
            "INSERT INTO outbox VALUES (gen_random_uuid(), 'posada.booking.replies', 'k', '[]', '', '2026-01-01')",
            about="",
        )
        for service in SERVICES
    ],
]
MONEY = [
    Break("balance-is-ledger", "payments", "UPDATE payments SET captured = captured - 1 WHERE captured > 0", about=""),
    Break("balance-is-ledger", "payments", "UPDATE payments SET codes = '{{}}' WHERE captured > 0", about=""),
    Break(
        "request-is-ledger", "payments", "UPDATE payment_requests SET status = 'reserved' WHERE booking_id = '{first}'"
    ),
    Break("money-in-all", "payments", "UPDATE payments SET amount = amount + 5", about=""),
    Break(
        "money-in-all",
        "payments",
        "UPDATE payment_requests SET status = 'reserved' WHERE booking_id = '{first}'",
        about="",
    ),
    Break(
        "counted-on-is-reserved",
        "payments",
        "UPDATE payment_requests SET status = 'waiting', next_attempt_at = now() WHERE booking_id = '{first}'",
    ),
    Break("counted-on-is-reserved", "payments", "DELETE FROM payment_requests WHERE booking_id = '{first}'"),
    Break(
        "counted-on-is-reserved",
        "booking",
        """UPDATE sagas SET phase = 'running', wake_at = now() + interval '30 seconds',
data = jsonb_set(data, '{{payment_id}}', '"forged"'),
progress = jsonb_set(jsonb_set(progress, '{{phase}}', '"running"'), '{{verdict}}', '"open"') WHERE id = '{unpaid}';
UPDATE bookings SET status = 'PENDING' WHERE id = '{unpaid}'""",
        UNPAID,
    ),
    Break("confirmed-is-paid", "payments", "UPDATE payment_requests SET codes = '{{}}' WHERE booking_id = '{first}'"),
    Break("confirmed-is-paid", "payments", "UPDATE payment_requests SET amount = 1 WHERE booking_id = '{first}'"),
    Break("confirmed-is-paid", "payments", "DELETE FROM payment_requests WHERE booking_id = '{first}'"),
    Break("confirmed-is-paid", "booking", "UPDATE bookings SET total = total + 1 WHERE id = '{first}'"),
    Break("confirmed-is-paid", "booking", "UPDATE bookings SET paid = paid + 1 WHERE id = '{moved}'", MOVED),
    Break(
        "confirmed-is-paid",
        "payments",
        "ALTER TABLE ledger DISABLE TRIGGER USER; DELETE FROM ledger WHERE booking_id = '{first}' AND kind = 'captured'",
    ),
    Break(
        "ended-has-no-money",
        "payments",
        "UPDATE payment_requests SET status = 'waiting', next_attempt_at = now() WHERE booking_id = '{short}'",
        SHORT,
    ),
    *[
        Break(
            "ended-has-no-money",
            "payments",
            "INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id)"
            f" SELECT id, '{kind}', '{{short}}', 1, now(), '{{short}}' FROM payments LIMIT 1",
            SHORT,
        )
        for kind in ("reserved", "captured")
    ],
    Break("ended-is-accounted", "booking", "UPDATE bookings SET paid = paid + 1 WHERE id = '{off}'", OFF),
    Break(
        "ended-is-accounted",
        "payments",
        "INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id) SELECT payment_id, 'refunded',"
        " gen_random_uuid(), 1, now(), booking_id FROM ledger WHERE booking_id = '{missed}' AND kind = 'captured'",
        MISSED,
    ),
    Break(
        "money-has-an-owner",
        "payments",
        "UPDATE payment_requests SET status = 'reserved', booking_id = gen_random_uuid() WHERE booking_id = '{first}'",
        about="",
    ),
    Break(
        "money-has-an-owner", "payments", "UPDATE payment_requests SET status = 'reserved' WHERE booking_id = '{first}'"
    ),
]
_THREAD = """INSERT INTO threads (id, contact, property_id, room, name, participants, first_message_at, created_at)
SELECT gen_random_uuid(), contact, property_id, room, name, participants, first_message_at, now() FROM threads WHERE"""
THREADS = [
    Break(
        "one-thread",
        "conversations",
        f"DROP INDEX threads_contact_apartment_key; {_THREAD} room IS NOT NULL LIMIT 1",
        about="",
    ),
    Break("one-thread", "conversations", f"DROP INDEX threads_contact_key; {_THREAD} room IS NULL LIMIT 1", about=""),
    Break(
        "message-once",
        "conversations",
        "ALTER TABLE messages DROP CONSTRAINT messages_channel_message_id_key; INSERT INTO messages (thread_id, channel,"
        " message_id, author, text, sent_at, received_at) SELECT thread_id, channel, message_id, author, text, sent_at,"
        " received_at FROM messages LIMIT 1",
        about="",
    ),
    Break("conversation-knows", "conversations", "DELETE FROM bookings WHERE id = '{first}'"),
    Break(
        "conversation-knows", "conversations", "UPDATE bookings SET id = '{short}' WHERE id = '{first}'", about=SHORT
    ),
]
BREAKS = [*ROOMS, *BOOKINGS, *MONEY, *INTAKE, *TELLING, *THREADS]
