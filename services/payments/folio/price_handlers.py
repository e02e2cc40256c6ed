"""What a booking costs when it has changed: the difference, the fee, and what goes back."""

from __future__ import annotations

from datetime import datetime

from services.payments.folio.model import Charge, ChargeKind
from services.payments.folio.price import Price, fee_id_of, refund_id_of, shares
from services.payments.requests import replies
from services.payments.requests.request import OutOfTurn, Status
from services.payments.requests.search import Sends
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import money
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import RepriceBooking


def reprice_booking(uow: UnitOfWork, command: RepriceBooking, now: datetime) -> Sends:
    """A booking costs something else now; what was paid beyond it is given back where that is asked for."""
    known = uow.prices.get((command.booking_id, command.change))
    if known is None:
        request = uow.requests.get(command.booking_id)
        if request and request.status is not Status.CAPTURED:
            raise OutOfTurn(f"booking {command.booking_id} is {request.status}: there is no price to change yet")
        known = _repriced(uow, command, now)
    return [replies.repriced(known)]


def _repriced(uow: UnitOfWork, command: RepriceBooking, now: datetime) -> Price:
    kept = [
        (uow.payments[key], amount)
        for (key, booking_id), amount in uow.kept.items()
        if booking_id == command.booking_id
    ]
    paid = sum((amount for _, amount in kept), NOTHING)
    due = money(command.total) + money(command.fee)
    refund = max(NOTHING, paid - due) if command.refunds else NOTHING
    for share in shares(kept, refund):
        refund_id = refund_id_of(command.booking_id, command.change, share.payment.id)
        given = share.payment.refund(
            share.amount, refund_id, command.booking_id, now, staff=command.who, reason=command.reason
        )
        uow.keep_payment(given)
        uow.kept[share.payment.id, command.booking_id] -= share.amount
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
