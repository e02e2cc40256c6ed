"""What availability does, one function a command: (inventory, command, now) gives messages or raises a refusal."""

from __future__ import annotations

from services.availability.date_change.handlers import (
    change_rooms,
    drop_change,
    keep_change,
    rooms_not_changed,
)
from services.availability.external.handlers import (
    cancel_orders,
    look_outside,
    order_rooms,
    outside_not_seen,
    rooms_not_ordered,
    rooms_ordered,
)
from services.availability.inventory.handlers import (
    book_rooms,
    extend_hold,
    free_rooms,
    hold_due,
    hold_rooms,
    release_rooms,
    rooms_not_held,
)
from services.availability.inventory.queries import (
    count_refused,
    count_rooms,
    quote_refused,
    quote_rooms,
    refuse_invalid_count,
    refuse_invalid_quote,
)

__all__ = [
    "book_rooms",
    "cancel_orders",
    "change_rooms",
    "count_refused",
    "count_rooms",
    "drop_change",
    "extend_hold",
    "free_rooms",
    "hold_due",
    "hold_rooms",
    "keep_change",
    "look_outside",
    "order_rooms",
    "outside_not_seen",
    "quote_refused",
    "quote_rooms",
    "refuse_invalid_count",
    "refuse_invalid_quote",
    "release_rooms",
    "rooms_not_changed",
    "rooms_not_held",
    "rooms_not_ordered",
    "rooms_ordered",
]
