"""Which message goes to which handler."""

from __future__ import annotations

from services.payments import handlers
from services.payments.commands import AddCharge, ChooseTransfer, DeclinePayment, RecordPayment, RefundPayment
from services.payments.repository import Repository
from services.payments.requests import replies
from services.payments.requests.invalid import read_invalid
from services.payments.unit_of_work import UnitOfWork
from shared.consumer.routing import Prefetch, Routes
from shared.contracts.payments import (
    CapturePayment,
    MarkFrustrated,
    ReleasePayment,
    RepriceBooking,
    ReservePayment,
    SearchDue,
    StaffDue,
    TransferArrived,
    VerificationInvalid,
    VerifyPayment,
    WithdrawPayment,
)
from shared.contracts.topics import PAYMENTS_COMMANDS, PAYMENTS_REQUESTS, PAYMENTS_TRANSFERS, internal


def routes(repository: Repository, prefetch: Prefetch | None = None) -> Routes[UnitOfWork]:
    """Everything that payments is told; `prefetch` reads the feeds where a batch looks for money."""
    listens_to = (PAYMENTS_COMMANDS, PAYMENTS_REQUESTS, PAYMENTS_TRANSFERS, internal("payments"))
    table = Routes[UnitOfWork]("payments", listens_to, repository, for_invalid=read_invalid, prefetch=prefetch)

    table.on(ReservePayment, handlers.reserve_payment)
    table.on(CapturePayment, handlers.capture_payment)
    table.on(ReleasePayment, handlers.release_payment)
    table.on(RepriceBooking, handlers.reprice_booking)
    table.on(TransferArrived, handlers.transfer_arrived)
    table.on(MarkFrustrated, handlers.mark_frustrated, refused=replies.request_refused)
    table.on(WithdrawPayment, handlers.withdraw_payment, refused=replies.request_refused)
    table.on(VerifyPayment, handlers.verify_payment, repeats=True)
    table.on(VerificationInvalid, handlers.verification_invalid, repeats=True)
    table.on(SearchDue, handlers.search_due)
    table.on(StaffDue, handlers.staff_due)

    # The staff's, over HTTP alone: they have no type, so that none can come by Kafka.
    table.on(ChooseTransfer, handlers.choose_transfer)
    table.on(DeclinePayment, handlers.decline_payment)
    table.on(RecordPayment, handlers.record_payment)
    table.on(AddCharge, handlers.add_charge)
    table.on(RefundPayment, handlers.refund_payment)
    return table
