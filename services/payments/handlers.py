"""What payments does, one function for each message: (world, message, now) gives the messages to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.payments import replies
from services.payments.commands import AddCharge, ChooseTransfer, DeclinePayment, RecordPayment, RefundPayment
from services.payments.domain import desk
from services.payments.domain.claim import claim_of, question_of
from services.payments.domain.folio import Charge, ChargeKind
from services.payments.domain.ledger import NOTHING
from services.payments.domain.matching import Decision, Verdict
from services.payments.domain.payment import Contradiction, Payment, money, payment_at_desk, payment_of
from services.payments.domain.price import Price, fee_id_of, refund_id_of, shares
from services.payments.domain.request import OutOfTurn, PaymentRequest, Status, asked, tombstone
from services.payments.domain.retries import SECOND_LOOK, Attempt, first_attempt, next_attempt
from services.payments.domain.ruling import Action, Ruling
from services.payments.domain.terms import Unfound
from services.payments.domain.world import World
from shared.contracts.common import Reason
from shared.contracts.payments import (
    CapturePayment,
    MarkFrustrated,
    ReleasePayment,
    RepriceBooking,
    ReservePayment,
    SearchDue,
    StaffDue,
    TransferArrived,
    VerifyPayment,
    WithdrawPayment,
)
from shared.errors import Refusal
from shared.messages import Message, Outgoing

Sends = Sequence[Message | Outgoing]


def reserve_payment(world: World, command: ReservePayment, now: datetime) -> Sends:
    """Set the whole amount aside, or begin to look for it; asked again, the answer is the same."""
    known = world.requests.get(command.booking_id)
    if known:
        return [replies.answer(known, world.terms)]
    request = asked(claim_of(command), now)
    decision = world.decide(request.wanted)
    first = first_attempt(world.terms.of(command.property_id).schedule(command.evidence.method), now)
    if decision.final:
        return _conclude(world, request, decision, now)
    if first is None:
        return _escalate(world, request, decision, now)
    return [*_wait(world, request, first, now), replies.second_look(request, world.terms, now)]


def capture_payment(world: World, command: CapturePayment, now: datetime) -> Sends:
    """Take the reserved money and write all codes on it; done twice, the answer is the same."""
    request = world.requests.get(command.booking_id)
    if request is None:
        raise OutOfTurn(f"booking {command.booking_id} has reserved nothing that could be captured")
    if request.status is not Status.CAPTURED:
        codes = [code.strip() for code in command.codes if code.strip()]
        request = request.captured(codes, now)
        world.keep_payment(world.serving(request).capture(request.amount, request.booking_id, codes, now))
        world.keep(request)
    return [replies.captured(request)]


def release_payment(world: World, command: ReleasePayment, now: datetime) -> Sends:
    """Give back what is reserved and stop looking; a release that comes first stays as a tombstone."""
    before = world.requests.get(command.booking_id)
    if before and before.status is Status.RELEASED:
        return [replies.released(before)]
    request = before.released(now) if before else tombstone(command.booking_id, now)
    if before and before.status is Status.RESERVED:
        world.keep_payment(world.serving(before).release(before.amount, before.booking_id, now))
    world.keep(request)
    return [replies.released(request)]


def reprice_booking(world: World, command: RepriceBooking, now: datetime) -> Sends:
    """A booking costs something else now; what was paid beyond it is given back where that is asked for."""
    known = world.prices.get((command.booking_id, command.change))
    if known is None:
        request = world.requests.get(command.booking_id)
        if request and request.status is not Status.CAPTURED:
            raise OutOfTurn(f"booking {command.booking_id} is {request.status}: there is no price to change yet")
        known = _repriced(world, command, now)
    return [replies.repriced(known)]


def transfer_arrived(world: World, message: TransferArrived, now: datetime) -> Sends:
    """Record money once, and serve at once whoever waits for it; the same line twice is one payment."""
    payment = payment_of(message, now)
    known = world.payments.get(payment.id)
    if known is None:
        world.keep_payment(payment)
        return [send for request in world.waiting_for(payment) for send in _look(world, request, now)]
    if (known.amount, known.currency) != (payment.amount, payment.currency):
        raise Contradiction(f"transfer {message.transfer_id} of {message.source} was recorded with another amount")
    return []


def search_due(world: World, due: SearchDue, now: datetime) -> Sends:
    """Look again: found, or the next attempt, or after the last stage a case for the staff."""
    request = world.requests.get(due.booking_id)
    if request is None or request.attempt is None or not request.expects(due.stage, due.attempt):
        return []
    found = _look(world, request, now)
    if found or due.attempt == SECOND_LOOK:
        return found
    decision = world.decide(request.wanted)
    schedule = world.terms.of(decision.claim.property_id).schedule(decision.claim.method)
    upcoming = next_attempt(schedule, request.attempt, now)
    if upcoming is None:
        return _escalate(world, request, decision, now)
    return _wait(world, request, upcoming, now)


def staff_due(world: World, due: StaffDue, now: datetime) -> Sends:
    """The staff has had its time: what nobody decided comes to what it would have come to without them."""
    request = world.requests.get(due.booking_id)
    if request is None or request.status is not Status.ESCALATED or request.refusal is None:
        return []
    world.keep(request.refused(request.refusal, now))
    return [replies.refused(request, request.refusal)]


def mark_frustrated(world: World, command: MarkFrustrated, now: datetime) -> Sends:
    """Look once more, and escalate at once what is not found; of what waits no longer nothing changes."""
    request = _known(world, command.booking_id)
    if request.status is not Status.WAITING:
        return []
    _rule(world, command, Action.FRUSTRATED, now)
    return _look(world, request, now) or _escalate(world, request, world.decide(request.wanted), now)


def withdraw_payment(world: World, command: WithdrawPayment, now: datetime) -> Sends:
    """End the search, and with it the booking; what has its money already is cancelled, not withdrawn."""
    request = _known(world, command.booking_id)
    if request.status in {Status.REFUSED, Status.RELEASED}:
        return []
    _require_open(request)
    _rule(world, command, Action.WITHDRAWN, now)
    return _end(world, request, replies.wording.ended(Reason.PAYMENT_WITHDRAWN, world.terms), now)


def choose_transfer(world: World, command: ChooseTransfer, now: datetime) -> Sends:
    """Reserve from the payment that the staff names, whatever the matching thought of it; the saga goes on at once."""
    request, payment = _known(world, command.booking_id), world.payments.get(command.payment_id)
    if request.payment_id == command.payment_id and request.status in {Status.RESERVED, Status.CAPTURED}:
        return []
    _require_open(request)
    payment = desk.fitting(request.wanted, payment, command.payment_id)
    _rule(world, command, Action.CHOSEN, now, payment.id)
    return _reserve(world, request, payment, now, command.staff)


def decline_payment(world: World, command: DeclinePayment, now: datetime) -> Sends:
    """No payment serves the booking: it fails."""
    request = _known(world, command.booking_id)
    if request.status is Status.REFUSED:
        return []
    _require_open(request)
    _rule(world, command, Action.DECLINED, now)
    return _end(world, request, replies.wording.ended(Reason.PAYMENT_DECLINED, world.terms), now)


def verify_payment(world: World, ask: VerifyPayment, _: datetime) -> Sends:
    """Whether a payment is there; nothing is reserved."""
    decision = world.decide(question_of(ask, world.terms.default_property))
    return [replies.verified(ask, decision, world.terms)]


def record_payment(world: World, command: RecordPayment, now: datetime) -> Sends:
    """Money taken at the desk: a booking that waits goes on with it, any other has paid it."""
    request, payment = _known(world, command.booking_id), payment_at_desk(command, now)
    if known := world.payments.get(payment.id):
        if not known.same_money(payment):
            raise desk.done_otherwise("payment_id", command.payment_id)
        return []
    if request.status in {Status.REFUSED, Status.RELEASED}:
        raise desk.settled(request)
    desk.require_currency(request, command.currency)
    if request.is_open:
        desk.require_all(request, payment.amount)
        return _reserve(world, request, payment, now, command.staff)
    paid = payment.reserve(payment.amount, request.booking_id, now, command.staff)
    world.keep_payment(paid.capture(payment.amount, request.booking_id, request.codes, now))
    return _folio(world, request.booking_id, now, paid=payment.amount)


def add_charge(world: World, command: AddCharge, now: datetime) -> Sends:
    """Something that a booking costs beside its rooms."""
    request = _known(world, command.booking_id)
    facts = command.model_dump(exclude={"charge_id"})
    charge = Charge(command.charge_id, at=now, **facts | {"amount": money(command.amount)})
    if known := world.charges.get(charge.id):
        if replace(known, at=now, staff=charge.staff) != charge:
            raise desk.done_otherwise("charge_id", charge.id)
        return []
    desk.require_currency(request, command.currency)
    world.new_charges.append(charge)
    return _folio(world, request.booking_id, now, charged=charge.amount)


def refund_payment(world: World, command: RefundPayment, now: datetime) -> Sends:
    """Give back a booking's money, or what nobody has used; done twice, it is done once."""
    payment, done = world.payments.get(command.payment_id), world.refunds.get(command.refund_id)
    if payment is None:
        raise desk.unknown_payment(command.payment_id)
    if done:
        same = (done.payment_id, done.booking_id) == (payment.id, command.booking_id)
        if not same or command.amount not in {None, done.amount}:
            raise desk.done_otherwise("refund_id", command.refund_id)
        return []
    kept = world.kept.get((payment.id, command.booking_id), NOTHING)
    amount = desk.refundable(payment, kept, command.booking_id, command.amount)
    world.keep_payment(
        payment.refund(amount, command.refund_id, command.booking_id, now, staff=command.staff, reason=command.reason)
    )
    return _folio(world, command.booking_id, now, paid=-amount) if command.booking_id else []


def _folio(
    world: World, booking_id: UUID, now: datetime, *, paid: Decimal = NOTHING, charged: Decimal = NOTHING
) -> Sends:
    """Let booking know what its balance is made of, after the staff has changed it by so much."""
    charges = world.charged.get(booking_id, NOTHING) + charged
    return [replies.folio_changed(booking_id, world.kept_by(booking_id) + paid, charges, now)]


def _repriced(world: World, command: RepriceBooking, now: datetime) -> Price:
    kept = [
        (world.payments[key], amount)
        for (key, booking_id), amount in world.kept.items()
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
        world.keep_payment(given)
        world.kept[share.payment.id, command.booking_id] -= share.amount
    if command.fee:
        fee_id, fee = fee_id_of(command.booking_id, command.change), money(command.fee)
        world.new_charges.append(
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
    world.new_prices.append(price)
    world.prices[price.booking_id, price.change] = price
    return price


def _look(world: World, request: PaymentRequest, now: datetime) -> Sends:
    """Settle a waiting request if that can be done now; no messages while it cannot."""
    decision = world.decide(request.wanted)
    return _conclude(world, request, decision, now) if decision.ends_search else []


def _conclude(world: World, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    payment = decision.payment
    if decision.verdict is Verdict.AMBIGUOUS:
        return _escalate(world, request, decision, now)
    if payment is None or decision.verdict is not Verdict.FOUND:
        return _end(world, request, replies.wording.refusal(decision, world.terms), now)
    return _reserve(world, request, payment, now)


def _reserve(world: World, request: PaymentRequest, payment: Payment, now: datetime, staff: str | None = None) -> Sends:
    world.keep_payment(payment.reserve(request.amount, request.booking_id, now, staff))
    request = request.reserved(payment.id, now)
    world.keep(request)
    return [replies.reserved(request)]


def _wait(world: World, request: PaymentRequest, upcoming: Attempt, now: datetime) -> Sends:
    request = request.waits(upcoming, now)
    world.keep(request)
    return [replies.awaited(request, world.terms), replies.search(request)]


def _escalate(world: World, request: PaymentRequest, decision: Decision, now: datetime) -> Sends:
    """Tell the staff everything; the booking fails, or waits for them, as its property chooses."""
    refusal = replies.wording.refusal(decision, world.terms)
    terms = world.terms.of(decision.claim.property_id)
    alert = replies.staff_alerted(request, refusal, decision, now)
    if terms.unfound is Unfound.FAIL:
        return [*_end(world, request, refusal, now), alert]
    case = request.escalated(refusal, now + terms.staff_patience, now)
    world.keep(case)
    return [replies.awaited(case, world.terms, opens_stage=request.attempt is None), replies.staff_timer(case), alert]


def _end(world: World, request: PaymentRequest, refusal: Refusal, now: datetime) -> Sends:
    world.keep(request.refused(refusal, now))
    return [replies.refused(request, refusal)]


def _known(world: World, booking_id: UUID) -> PaymentRequest:
    request = world.requests.get(booking_id)
    if request is None:
        raise desk.unknown_booking(booking_id)
    return request


def _require_open(request: PaymentRequest) -> None:
    if not request.is_open:
        raise desk.settled(request)


def _rule(
    world: World,
    command: MarkFrustrated | WithdrawPayment | ChooseTransfer | DeclinePayment,
    action: Action,
    now: datetime,
    payment_id: UUID | None = None,
) -> None:
    world.rulings.append(Ruling(command.booking_id, action, now, command.staff, command.reason, payment_id))
