"""Turns rows into payments and requests, and back into columns for a whole batch at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from services.payments.folio.model import Charge, ChargeKind
from services.payments.folio.price import Price
from services.payments.requests.request import PaymentRequest, Status
from services.payments.requests.retries import Attempt
from services.payments.requests.staff_decision import StaffDecision
from services.payments.transfers.claim import Claim, authorization_key, reference_key
from services.payments.transfers.ledger import Entry, Kind
from services.payments.transfers.payment import ANY_PROPERTY, Payment, method_of
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import TransferArrived
from shared.errors import Refusal

Columns: TypeAlias = list[list[Any]]

ARRIVED = (
    "id",
    "source",
    "transfer_id",
    "property_id",
    "method",
    "amount",
    "currency",
    "posted_on",
    "payer",
    "reference",
    "authorization_number",
    "arrived_at",
)
MONEY = ("reserved", "captured", "refunded", "codes", "reserved_at", "captured_at")
_EVIDENCE = ("slip_date", "slip_amount", "authorization_number", "payer", "reference")
_CLAIM = ("property_id", "amount", "currency", "method", *_EVIDENCE)
_arrived = attrgetter(*ARRIVED)
_claim = attrgetter(*_CLAIM)
_NO_CLAIM = (None,) * len(_CLAIM)


def payment(row: Mapping[str, Any]) -> Payment:
    """The payment in a row."""
    facts = {name: row[name] for name in (*ARRIVED, *MONEY)}
    return Payment(**facts | {"method": method_of(row["method"]), "codes": tuple(row["codes"])})


def request(row: Mapping[str, Any]) -> PaymentRequest:
    """The request in a row."""
    return PaymentRequest(
        booking_id=row["booking_id"],
        status=Status(row["status"]),
        started_at=row["started_at"],
        changed_at=row["changed_at"],
        claim=_claim_in(row),
        attempt=Attempt(row["stage"], row["attempt"], row["next_attempt_at"]) if row["next_attempt_at"] else None,
        payment_id=row["payment_id"],
        found_later=row["found_later"],
        codes=tuple(row["codes"]),
        refusal=_refusal_in(row["refusal"]),
    )


def arrived_columns(payments: Iterable[Payment]) -> Columns:
    """Columns of payments that are written for the first time, with what was reserved of them since."""
    return columns(
        (
            *_arrived(one),
            reference_key(one.reference),
            authorization_key(one.authorization_number),
            one.reserved,
            one.captured,
            one.refunded,
            json.dumps(one.codes),
            one.reserved_at,
            one.captured_at,
        )
        for one in payments
    )


def changed_columns(pairs: Iterable[tuple[Payment, Payment]]) -> Columns:
    """Columns of what payments have gained or lost: differences, so that the database adds them up itself."""
    return columns(
        (
            new.id,
            new.reserved - old.reserved,
            new.captured - old.captured,
            new.refunded - old.refunded,
            json.dumps(new.codes[len(old.codes) :]),
            new.reserved_at,
            new.captured_at,
        )
        for old, new in pairs
    )


def entry_columns(entries: Iterable[Entry]) -> Columns:
    """Columns of what happened to payments, in its order."""
    return columns(
        (
            one.payment_id,
            one.kind.value,
            one.cause,
            one.amount,
            one.at,
            one.booking_id,
            json.dumps(one.codes),
            one.staff,
            one.reason,
        )
        for one in entries
    )


def ruling_columns(rulings: Iterable[StaffDecision]) -> Columns:
    """Columns of what people decided."""
    return columns((one.booking_id, one.action.value, one.at, one.staff, one.reason, one.payment_id) for one in rulings)


CHARGE = ("id", "booking_id", "kind", "amount", "currency", "reason", "staff", "at")


def charge(row: Mapping[str, Any]) -> Charge:
    """The charge in a row."""
    return Charge(**{name: row[name] for name in CHARGE} | {"kind": ChargeKind(row["kind"])})


def charge_columns(charges: Iterable[Charge]) -> Columns:
    """Columns of charges."""
    return columns(tuple(getattr(one, name) for name in CHARGE) for one in charges)


PRICE = ("booking_id", "change", "total", "fee", "paid", "refund", "who", "reason", "at")


def price(row: Mapping[str, Any]) -> Price:
    """The price in a row."""
    return Price(**{name: row[name] for name in PRICE})


def price_columns(prices: Iterable[Price]) -> Columns:
    """Columns of prices."""
    return columns(tuple(getattr(one, name) for name in PRICE) for one in prices)


def refund(row: Mapping[str, Any]) -> Entry:
    """The refund in a row of the ledger."""
    return Entry(row["payment_id"], Kind.REFUNDED, row["cause"], row["amount"], row["at"], row["booking_id"])


def asked_columns(requests: Iterable[PaymentRequest]) -> Columns:
    """Columns of requests that are written for the first time."""
    return columns((*_state(one), one.started_at, *_asked(one)) for one in requests)


def state_columns(requests: Iterable[PaymentRequest]) -> Columns:
    """Columns of what has become of requests."""
    return columns(_state(one) for one in requests)


def money_columns(arrivals: Iterable[TransferArrived]) -> Columns:
    """Columns of what has arrived, by which those that wait for it are found."""
    return columns(
        (one.property_id or ANY_PROPERTY, one.currency, one.amount, one.posted_on, reference_key(one.reference))
        for one in arrivals
    )


def slip_columns(claims: Iterable[Claim]) -> Columns:
    """Columns of what slips show, by which their money is found; five of them, empty where there are no slips."""
    lines = [
        (one.property_id, one.currency, one.slip_amount, one.slip_date, reference_key(one.reference)) for one in claims
    ]
    return columns(lines) or [[] for _ in range(5)]


def columns(lines: Iterable[Sequence[Any]]) -> Columns:
    """Rows turned on their side, for unnest."""
    return [list(column) for column in zip(*lines, strict=True)]


def _asked(one: PaymentRequest) -> tuple[Any, ...]:
    if one.claim is None:
        return (*_NO_CLAIM, None, None)
    keys = (authorization_key(one.claim.authorization_number), reference_key(one.claim.reference))
    return (*_claim(one.claim), *keys)


def _state(one: PaymentRequest) -> tuple[Any, ...]:
    attempt = one.attempt
    refusal = one.refusal
    return (
        one.booking_id,
        one.status.value,
        one.changed_at,
        attempt.stage if attempt else None,
        attempt.number if attempt else None,
        attempt.at if attempt else None,
        one.payment_id,
        one.found_later,
        json.dumps(one.codes),
        json.dumps({"code": refusal.code, "text": refusal.text, "details": refusal.details}) if refusal else None,
    )


def _claim_in(row: Mapping[str, Any]) -> Claim | None:
    if row["amount"] is None:
        return None
    facts = {name: row[name] for name in ("booking_id", *_CLAIM)}
    return Claim(**facts | {"method": PaymentMethod(row["method"])})


def _refusal_in(stored: str | None) -> Refusal | None:
    if stored is None:
        return None
    known = json.loads(stored)
    return Refusal(known["code"], known["text"], **known["details"])
