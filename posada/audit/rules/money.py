"""Money: arrived = free + reserved + captured + refunded, and each booking has what it paid for and no more."""

from __future__ import annotations

from collections.abc import Iterable

from posada.audit.booking_snapshot import NOTHING, BookingSnapshot
from posada.audit.invariant import LEDGER, REPAIR, STATUS, AuditTime, Row, Wrong, of_booking, of_database
from services.booking.record.states import Status
from services.payments.queries import AUDIT, AUDIT_REQUESTS, balance_in, sums_in
from services.payments.transfers.ledger import audit

HAVE_PAID = {Status.CONFIRMED, Status.CHECKED_IN, Status.CHECKED_OUT, Status.COMPLETED}
HAVE_NOTHING = {Status.REJECTED, Status.FAILED}
COST_A_FEE = {Status.CANCELLED, Status.NO_SHOW}
KEEP_NOTHING_ASIDE = HAVE_NOTHING | COST_A_FEE
FROM_GUESTS = {"CHAT"}  # only staff may book unpaid
LOOKED_FOR = {"waiting", "escalated", "reserved"}

# Each part from where it is written first: arrivals, captures and refunds from the ledger, what is set aside from the
# requests, what is free from the balances.
_IN_ALL = """
WITH entries AS (
    SELECT currency, coalesce(sum(entry.amount) FILTER (WHERE kind = 'arrived'), 0) AS arrived,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'captured'), 0)
           - coalesce(sum(entry.amount) FILTER (WHERE kind = 'refunded' AND booking_id IS NOT NULL), 0) AS captured,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'refunded'), 0) AS refunded,
           coalesce(sum(entry.amount) FILTER (WHERE kind = 'reversed'), 0) AS reversed
    FROM ledger AS entry JOIN payments ON payments.id = payment_id GROUP BY currency),
balances AS (
    SELECT currency, sum(amount - reserved - captured - refunded - reversed) AS free FROM payments GROUP BY currency),
asked AS (SELECT currency, sum(amount) AS reserved FROM payment_requests WHERE status = 'reserved' GROUP BY currency)
SELECT currency, coalesce(arrived, 0) AS arrived, coalesce(free, 0) AS free, coalesce(reserved, 0) AS reserved,
       coalesce(captured, 0) AS captured, coalesce(refunded, 0) AS refunded, coalesce(reversed, 0) AS reversed
FROM entries FULL JOIN balances USING (currency) FULL JOIN asked USING (currency) ORDER BY currency"""


@of_database(
    "balance-is-ledger",
    "For each payment: arrived = free + reserved + captured + refunded, as its ledger entries add up",
    service="payments",
    query=AUDIT,
    remedy=LEDGER,
)
def balance_is_ledger(row: Row, _: AuditTime) -> tuple[object, str] | None:
    """What payments' own audit finds."""
    wrong = audit(balance_in(row), sums_in(row))
    return (row["id"], "; ".join(wrong)) if wrong else None


@of_database(
    "request-is-ledger",
    "What a booking's request says is what the ledger says of it",
    service="payments",
    query=AUDIT_REQUESTS,
    remedy=LEDGER,
)
def request_is_ledger(row: Row, _: AuditTime) -> tuple[object, str]:
    """What payments' own audit finds of requests."""
    left = f"{row['reserved']} reserved and {row['captured']} captured"
    return row["booking_id"], f"it is {row['status']} over {row['amount']}, the entries leave {left}"


@of_database(
    "money-in-all",
    "In all: money arrived = free + reserved + captured + refunded + taken back by the bank",
    service="payments",
    query=_IN_ALL,
    remedy=LEDGER,
)
def money_in_all(row: Row, _: AuditTime) -> tuple[object, str] | None:
    """The sums of a currency do not add up."""
    parts = ("free", "reserved", "captured", "refunded", "reversed")
    accounted = sum((row[name] for name in parts), NOTHING)
    if accounted == row["arrived"]:
        return None
    said = " + ".join(f"{row[name]} {name}" for name in parts)
    return row["currency"], f"{row['arrived']} arrived, and {said} is {accounted}"


@of_booking("confirmed-is-paid", "A confirmed booking has its captured money, with all its codes")
def confirmed_is_paid(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Confirmed, and payments has not captured its price under its codes."""
    booking, request = snapshot.booking, snapshot.request
    if booking is None or snapshot.status not in HAVE_PAID or not snapshot.settled:
        return
    if booking["source"] not in FROM_GUESTS:
        return
    if request is None or snapshot.paid_as != "captured":
        yield f"it is {snapshot.status} and its money is {snapshot.paid_as}"
        return
    yield from _differs(snapshot, booking, request)
    if snapshot.amount("captured") < request["amount"]:
        yield f"{request['amount']} are captured by its request, and {snapshot.amount('captured')} by the ledger"
    codes = {stay["code"] for stay in snapshot.stays}  # those of stays that have ended too: their money was taken
    if set(request["codes"]) != codes:
        ours, theirs = ", ".join(sorted(codes)), ", ".join(sorted(request["codes"]))
        yield f"its codes are {ours}, and those on its payment {theirs or 'none'}"


@of_booking("counted-on-is-reserved", "No booking counts on money that nobody has reserved", certain=True)
def counted_on_is_reserved(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Open or confirmed because of a payment that payments has not set aside: the reply was not from payments.

    Booking's database is looked at first, so that a true answer has been payments' own commit by then.
    """
    saga = snapshot.saga
    if saga is None or not saga["payment_id"] or saga["phase"] == "undoing" or snapshot.verdict not in {"open", "done"}:
        return
    if snapshot.paid_as in {"none", "refused", *LOOKED_FOR - {"reserved"}}:
        how = "open" if snapshot.verdict == "open" else snapshot.status or "unknown to booking"
        yield f"it is {how} and counts on payment {saga['payment_id']}, and its money is {snapshot.paid_as}"


def _differs(snapshot: BookingSnapshot, booking: Row, request: Row) -> Iterable[str]:
    """A booking that changed has another price since, and a balance: then its account and the ledger must agree."""
    if not booking["revision"]:
        if (request["amount"], request["currency"]) != (booking["total"], booking["currency"]):
            yield f"it costs {booking['total']} {booking['currency']} and has {request['amount']} {request['currency']}"
        return
    yield from _disagrees(snapshot, booking)


def _disagrees(snapshot: BookingSnapshot, booking: Row) -> Iterable[str]:
    if snapshot.kept != (booking["paid"] or NOTHING):
        yield f"it has paid {booking['paid'] or NOTHING} by its own account and {snapshot.kept} by the ledger"


@of_booking("ended-has-no-money", "A booking that came to nothing has no money set aside or taken", REPAIR)
def ended_has_no_money(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str | Wrong]:
    """Refused or failed, and money is reserved or captured for it."""
    if snapshot.status not in KEEP_NOTHING_ASIDE or not snapshot.settled:
        return
    if snapshot.paid_as in LOOKED_FOR:
        yield f"it is {snapshot.status} and its money is {snapshot.paid_as}"
    elif snapshot.amount("reserved") != NOTHING:  # by entries that no request stands for
        yield Wrong(f"it is {snapshot.status} and {snapshot.amount('reserved')} are reserved for it", LEDGER)
    if snapshot.status in HAVE_NOTHING and snapshot.kept != NOTHING:  # a person gives that back
        yield Wrong(f"it is {snapshot.status} and {snapshot.kept} were taken for it", STATUS)


@of_booking("ended-is-accounted", "Booking and the ledger agree on what a cancelled guest or a no-show has paid")
def ended_is_accounted(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str]:
    """Cancelled or not shown up, and payments kept more or less than it has reported to booking."""
    booking = snapshot.booking
    if booking and snapshot.status in COST_A_FEE and snapshot.settled and booking["told_of_money"]:
        yield from _disagrees(snapshot, booking)


@of_booking("money-has-an-owner", "No money is set aside without a booking that lives")
def money_has_an_owner(snapshot: BookingSnapshot, _: AuditTime) -> Iterable[str | Wrong]:
    """Money is set aside or looked for, for a booking that nobody knows or that has ended."""
    if snapshot.paid_as not in LOOKED_FOR:
        return
    if snapshot.booking is None:
        what = f"money is {snapshot.paid_as} for it, and booking does not know it"
        yield Wrong(what, REPAIR if snapshot.unknown else STATUS)
    elif snapshot.settled and snapshot.status in HAVE_PAID:
        yield f"its money is {snapshot.paid_as}, and its saga has ended"
