"""Kafka to handler: what availability listens to."""

from __future__ import annotations

from services.availability.date_change import handlers as date_change
from services.availability.external import handlers as external
from services.availability.inventory import handlers as inventory
from services.availability.inventory import queries
from services.availability.inventory.malformed import read_invalid
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
    GiveUpStays,
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
    table.on(CountRequested, queries.count_rooms, refused=queries.count_refused, repeats=True)
    table.on(CountInvalid, queries.refuse_invalid_count, repeats=True)
    table.on(QuoteRequested, queries.quote_rooms, refused=queries.quote_refused, repeats=True)
    table.on(QuoteInvalid, queries.refuse_invalid_quote, repeats=True)
    table.on(HoldRooms, inventory.hold_rooms, refused=inventory.rooms_not_held)
    table.on(ExtendHold, inventory.extend_hold)
    table.on(BookRooms, inventory.book_rooms)
    table.on(ReleaseRooms, inventory.release_rooms)
    table.on(FreeRooms, inventory.free_rooms)
    table.on(HoldDue, inventory.hold_due)
    table.on(ChangeRooms, date_change.change_rooms, refused=date_change.rooms_not_changed)
    table.on(KeepChange, date_change.keep_change)
    table.on(DropChange, date_change.drop_change)
    table.on(GiveUpStays, date_change.give_up_stays)
    table.on(OrderRooms, external.order_rooms, refused=external.rooms_not_ordered)
    table.on(CancelOrders, external.cancel_orders)
    table.on(OutsideSeen, external.look_outside, refused=external.outside_not_seen)
    table.on(OutsideOrdered, external.rooms_ordered)
    return table
