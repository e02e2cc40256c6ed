"""Which message goes to which handler."""

from __future__ import annotations

from services.payments import handlers
from services.payments.domain.world import World
from services.payments.repository import Repository
from shared.contracts.payments import CapturePayment, ReleasePayment, ReservePayment, SearchDue, TransferArrived
from shared.contracts.topics import PAYMENTS_COMMANDS, PAYMENTS_TRANSFERS, internal
from shared.routes import Routes


def routes(repository: Repository) -> Routes[World]:
    """Everything that payments is told."""
    table = Routes[World]("payments", (PAYMENTS_COMMANDS, PAYMENTS_TRANSFERS, internal("payments")), repository)

    table.on(ReservePayment, handlers.reserve_payment)
    table.on(CapturePayment, handlers.capture_payment)
    table.on(ReleasePayment, handlers.release_payment)
    table.on(TransferArrived, handlers.transfer_arrived)
    table.on(SearchDue, handlers.search_due)
    return table
