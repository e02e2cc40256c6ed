"""Kafka to handler: what availability listens to."""

from __future__ import annotations

from services.availability import handlers
from services.availability.inventory.invalid import read_invalid
from services.availability.repository import Repository
from services.availability.unit_of_work import UnitOfWork
from shared.consumer.routing import Routes
from shared.contracts import topics
from shared.contracts.availability import (
    BookRooms,
    CancelOrders,
    ChangeRooms,
    CountInvalid,
    CountRequested,
    DropChange,
    ExtendHold,
    FreeRooms,
    HoldDue,
    HoldRooms,
    KeepChange,
    OrderRooms,
    OutsideOrdered,
    OutsideSeen,
    QuoteInvalid,
    QuoteRequested,
    ReleaseRooms,
)


def routes(repository: Repository) -> Routes[UnitOfWork]:
    """Every message that availability handles."""
    listens_to = (topics.AVAILABILITY_COMMANDS, topics.AVAILABILITY_REQUESTS, topics.internal("availability"))
    table = Routes("availability", listens_to, repository, for_invalid=read_invalid)
    table.on(CountRequested, handlers.count_rooms, refused=handlers.count_refused, repeats=True)
    table.on(CountInvalid, handlers.refuse_invalid_count, repeats=True)
    table.on(QuoteRequested, handlers.quote_rooms, refused=handlers.quote_refused, repeats=True)
    table.on(QuoteInvalid, handlers.refuse_invalid_quote, repeats=True)
    table.on(HoldRooms, handlers.hold_rooms, refused=handlers.rooms_not_held)
    table.on(ExtendHold, handlers.extend_hold)
    table.on(BookRooms, handlers.book_rooms)
    table.on(ReleaseRooms, handlers.release_rooms)
    table.on(FreeRooms, handlers.free_rooms)
    table.on(ChangeRooms, handlers.change_rooms, refused=handlers.rooms_not_changed)
    table.on(KeepChange, handlers.keep_change)
    table.on(DropChange, handlers.drop_change)
    table.on(OrderRooms, handlers.order_rooms, refused=handlers.rooms_not_ordered)
    table.on(CancelOrders, handlers.cancel_orders)
    table.on(OutsideSeen, handlers.look_outside, refused=handlers.outside_not_seen)
    table.on(OutsideOrdered, handlers.rooms_ordered)
    table.on(HoldDue, handlers.hold_due)
    return table
