"""Handlers of corrections: a charge is reversed, a refund is marked as handed out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.payments.folio import rules
from services.payments.folio.commands import HandOutRefund, ReverseCharge
from services.payments.folio.corrections import ChargeReversal, Handout
from services.payments.folio.price import fee_id_of
from services.payments.folio.replies import folio_changed
from services.payments.transfers import NOTHING
from services.payments.unit_of_work import Sends, UnitOfWork
from shared.errors import Refusal


def reverse_charge(uow: UnitOfWork, command: ReverseCharge, now: datetime) -> Sends:
    """Take a charge back, as a whole. Done once for a charge; the fee of a change is booking's own.

    Raises:
        Refusal: charge_unknown, fee_of_a_change or over_limit.
    """
    request, charge = uow.request_of(command.booking_id), uow.charges.get(command.charge_id)
    if charge is None or charge.booking_id != request.booking_id:
        raise Refusal("charge_unknown", f"charge_id: booking {request.booking_id} has no charge {command.charge_id}")
    if charge.id in uow.charge_reversals:
        return []
    if charge.id in {fee_id_of(booking_id, change) for booking_id, change in uow.prices}:
        text = "charge_id: this is the fee of a change or a cancellation, which is not reversed; refund it instead"
        raise Refusal("fee_of_a_change", text)
    limits = uow.terms.of(request.wanted.property_id).charge_limits
    rules.require_within(limits, command.role, charge.amount, "would be reversed")
    reversal = ChargeReversal(charge.id, request.booking_id, command.staff, command.reason, now)
    uow.charge_reversals[charge.id] = reversal
    uow.new_charge_reversals.append(reversal)
    charges = uow.charged.get(request.booking_id, NOTHING) - charge.amount
    return [folio_changed(request.booking_id, uow.paid_by(request.booking_id), charges, now)]


def hand_out_refund(uow: UnitOfWork, command: HandOutRefund, now: datetime) -> Sends:
    """Note that a refund has reached the guest. Done once for a refund.

    Raises:
        Refusal: refund_unknown; done_otherwise, when it was handed out in another way.
    """
    refund = uow.refunds.get(command.refund_id)
    if refund is None or refund.payment_id != command.payment_id:
        raise Refusal("refund_unknown", f"refund_id: payment {command.payment_id} has no refund {command.refund_id}")
    handout = Handout(command.refund_id, command.payment_id, command.way, command.staff, command.note, now)
    if known := uow.handouts.get(handout.id):
        if replace(known, at=now, staff=handout.staff) != handout:
            text = f"refund_id: {handout.id} was handed out before, by {known.way}"
            raise Refusal("done_otherwise", text, way=known.way.value)
        return []
    uow.handouts[handout.id] = handout
    uow.new_handouts.append(handout)
    return []
