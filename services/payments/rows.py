"""Payments' tables: how a payment, a request and what happened to them stand in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.payments.folio.corrections import ChargeReversal, Handout, Way
from services.payments.folio.model import Charge
from services.payments.folio.price import Price
from services.payments.requests.request import PaymentRequest
from services.payments.requests.retries import Attempt
from services.payments.requests.staff_decision import StaffDecision
from services.payments.transfers.claim import Claim, authorization_key, reference_key
from services.payments.transfers.intake import Intake
from services.payments.transfers.ledger import Entry
from services.payments.transfers.naming import Naming
from services.payments.transfers.payment import Payment, method_of
from shared.database.bulk import Column, Fields, Table
from shared.errors import Refusal


def _refusal_out(refusal: Refusal | None) -> dict[str, Any] | None:
    return {"code": refusal.code, "text": refusal.text, "details": refusal.details} if refusal else None


def _refusal_in(kept: Mapping[str, Any] | None) -> Refusal | None:
    return Refusal(kept["code"], kept["text"], **kept["details"]) if kept else None


# What arrived never changes. Balances are updated by differences, not sums: should a lock ever be missing, the
# constraint still sees both writers.
PAYMENTS = Table(
    "payments",
    Payment,
    Column("method", "text", read=method_of),
    Column("reference_key", "text", lambda one: reference_key(one.reference)),
    Column("authorization_key", "text", lambda one: authorization_key(one.authorization_number)),
    without=("entries",),
    fixed=(
        "source",
        "transfer_id",
        "property_id",
        "method",
        "amount",
        "currency",
        "posted_on",
        "payer",
        "reference",
        "reference_key",
        "authorization_number",
        "authorization_key",
        "arrived_at",
    ),
    sets={
        "reserved": "payments.reserved + new.reserved",
        "captured": "payments.captured + new.captured",
        "refunded": "payments.refunded + new.refunded",
        "reversed": "payments.reversed + new.reversed",
        "codes": "payments.codes || new.codes",
    },
    version="xmin",
)
LEDGER = Table("ledger", Entry, key="payment_id")
RULINGS = Table("rulings", StaffDecision)
INTAKE = Table("intake", Intake, on_conflict="DO NOTHING")
CHARGES = Table("charges", Charge)
CHARGE_REVERSALS = Table("charge_reversals", ChargeReversal)
HANDOUTS = Table("handouts", Handout, Column("way", "text", read=Way))
PRICES = Table("prices", Price, key="booking_id")
NAMINGS = Table("named_payments", Naming, key="payment_id", on_conflict="(payment_id, caller) DO UPDATE SET {changed}")

_CLAIM = Fields(
    Claim,
    Column("authorization_key", "text", lambda one: authorization_key(one.authorization_number)),
    Column("reference_key", "text", lambda one: reference_key(one.reference)),
    without=("booking_id",),
)
REQUESTS = Table(
    "payment_requests",
    PaymentRequest,
    *_CLAIM.inside(lambda one: one.claim),
    Column("stage", "integer", lambda one: one.attempt and one.attempt.stage),
    Column("attempt", "integer", lambda one: one.attempt and one.attempt.number),
    Column("next_attempt_at", "timestamptz", lambda one: one.attempt and one.attempt.at),
    Column("refusal", "jsonb", lambda one: _refusal_out(one.refusal), _refusal_in),
    key="booking_id",
    without=("claim", "attempt"),
    fixed=("started_at", *(name for name in _CLAIM.columns if name != "amount")),
    version="xmin",
)


def request(row: Mapping[str, Any]) -> PaymentRequest:
    """The request in a row."""
    return REQUESTS.read(
        row,
        claim=_CLAIM.read(row, booking_id=row["booking_id"]) if row["amount"] is not None else None,
        attempt=Attempt(row["stage"], row["attempt"], row["next_attempt_at"]) if row["next_attempt_at"] else None,
    )


def difference(old: Payment, new: Payment) -> Payment:
    """What a payment has gained or lost, which the database adds to what is there."""
    return replace(
        new,
        reserved=new.reserved - old.reserved,
        captured=new.captured - old.captured,
        refunded=new.refunded - old.refunded,
        reversed=new.reversed - old.reversed,
        codes=new.codes[len(old.codes) :],
    )
