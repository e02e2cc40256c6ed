"""Which message goes to which handler."""

from __future__ import annotations

from services.payments.cases.commands import ChooseTransfer, DeclinePayment
from services.payments.cases.handlers import choose_transfer, decline_payment
from services.payments.folio import correction_handlers
from services.payments.folio import handlers as folio
from services.payments.folio.commands import AddCharge, HandOutRefund, RecordPayment, RefundPayment, ReverseCharge
from services.payments.folio.price_handlers import reprice_booking
from services.payments.repository import Repository
from services.payments.requests import handlers, replies, search_handlers
from services.payments.requests.malformed import read_invalid
from services.payments.unit_of_work import UnitOfWork
from shared.consumer.routing import Prefetch, Routes
from shared.contracts.payments import (
    CapturePayment,
    MarkFrustrated,
    ReleasePayment,
    RepriceBooking,
    ReservePayment,
    SearchDue,
    SearchRequestInvalid,
    StaffDue,
    TransferArrived,
    TransferReversed,
    VerificationInvalid,
    VerifyPayment,
    WithdrawPayment,
)
from shared.contracts.topics import PAYMENTS_COMMANDS, PAYMENTS_REQUESTS, PAYMENTS_TRANSFERS, internal


def routes(repository: Repository, prefetch: Prefetch | None = None) -> Routes[UnitOfWork]:
    """Every message that payments handles; `prefetch` reads the feeds before a batch that searches for money."""
    listens_to = (PAYMENTS_COMMANDS, PAYMENTS_REQUESTS, PAYMENTS_TRANSFERS, internal("payments"))
    table = Routes[UnitOfWork]("payments", listens_to, repository, for_invalid=read_invalid, prefetch=prefetch)

    table.on(ReservePayment, handlers.reserve_payment)
    table.on(CapturePayment, handlers.capture_payment)
    table.on(ReleasePayment, handlers.release_payment)
    table.on(RepriceBooking, reprice_booking)
    table.on(TransferArrived, search_handlers.transfer_arrived)
    table.on(TransferReversed, search_handlers.transfer_reversed)
    table.on(MarkFrustrated, search_handlers.mark_frustrated, refused=replies.request_refused)
    table.on(WithdrawPayment, search_handlers.withdraw_payment, refused=replies.request_refused)
    table.on(SearchRequestInvalid, handlers.search_request_invalid, repeats=True)
    table.on(VerifyPayment, handlers.verify_payment, repeats=True)
    table.on(VerificationInvalid, handlers.verification_invalid, repeats=True)
    table.on(SearchDue, search_handlers.search_due)
    table.on(StaffDue, search_handlers.staff_due)

    # Staff's commands come over HTTP only: they have no type, so none can come by Kafka.
    table.on(ChooseTransfer, choose_transfer)
    table.on(DeclinePayment, decline_payment)
    table.on(RecordPayment, folio.record_payment)
    table.on(AddCharge, folio.add_charge)
    table.on(RefundPayment, folio.refund_payment)
    table.on(ReverseCharge, correction_handlers.reverse_charge)
    table.on(HandOutRefund, correction_handlers.hand_out_refund)
    return table
