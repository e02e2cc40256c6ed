"""Handler of a booking's new price: the fee is charged, and what was paid beyond all that it costs is refunded."""

from __future__ import annotations

from datetime import datetime

from services.payments.folio.model import Charge, ChargeKind
from services.payments.folio.price import Price, fee_id_of, refund_id_of, shares
from services.payments.folio.replies import booking_repriced
from services.payments.requests import OutOfTurn, Status
from services.payments.transfers import NOTHING, money
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.contracts.payments import RepriceBooking


def reprice_booking(uow: UnitOfWork, command: RepriceBooking, now: datetime) -> Sends:
    """Set a booking's new price and fee, once for a change, and refund what was paid beyond them if requested.

    What else the booking costs, charges and the fees of earlier changes, is kept: a refund is never below zero.

    Raises:
        OutOfTurn: when the booking's money is not captured yet.
    """
    known = uow.prices.get((command.booking_id, command.change))
    if known is None:
        request = uow.requests.get(command.booking_id)
        if request and request.status is not Status.CAPTURED:
            raise OutOfTurn(f"booking {command.booking_id} is {request.status}: there is no price to change yet")
        known = _repriced(uow, command, now)
    return [booking_repriced(known)]


def _repriced(uow: UnitOfWork, command: RepriceBooking, now: datetime) -> Price:
    payments = [
        (uow.payments[key], amount)
        for (key, booking_id), amount in uow.paid.items()
        if booking_id == command.booking_id
    ]
    paid = sum((amount for _, amount in payments), NOTHING)
    fees = sum((price.fee for (key, _), price in uow.prices.items() if key == command.booking_id), money(command.fee))
    due = money(command.total) + fees + uow.charged.get(command.booking_id, NOTHING)
    refund = max(NOTHING, paid - due) if command.refunds else NOTHING
    for share in shares(payments, refund):
        refund_id = refund_id_of(command.booking_id, command.change, share.payment.id)
        refunded = share.payment.refund(
            share.amount, refund_id, command.booking_id, now, staff=command.who, reason=command.reason
        )
        uow.put_payment(refunded)
        uow.paid[share.payment.id, command.booking_id] -= share.amount
    if command.fee:
        fee_id, fee = fee_id_of(command.booking_id, command.change), money(command.fee)
        uow.new_charges.append(
            Charge(fee_id, command.booking_id, ChargeKind.FEE, fee, command.currency, command.reason, command.who, now)
        )
    price = Price(
        command.booking_id,
        command.change,
        money(command.total),
        money(command.fee),
        paid - refund,
        refund,
        command.who,
        command.reason,
        now,
    )
    uow.new_prices.append(price)
    uow.prices[price.booking_id, price.change] = price
    return price
