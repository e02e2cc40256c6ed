"""The saga of a request for rooms: every room or none, one payment, one outcome.

The table is the whole saga, in the order of its steps. Two of them are optional and apply to few bookings:

- "hold rooms again": payments looks for money in stages. In the last one a property may have the rooms freed, so that
  others can book them. When the money is found after all, they are held again before the booking is confirmed. If they
  are gone by then, the money is released and staff are alerted.
- "order rooms": an external system keeps the rooms. They are booked there before the decision, because it may refuse.
"""

from __future__ import annotations

from services.booking.requests.saga import messages as say
from services.booking.requests.saga.data import BOOK_ROOMS, CAPTURE_PAYMENT, RESERVE_PAYMENT, RequestData
from services.booking.unit_of_work import BookingSaga, UnitOfWork
from shared.contracts.availability import (
    OrdersCancelled,
    RoomsBooked,
    RoomsFreed,
    RoomsHeld,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomsReleased,
)
from shared.contracts.conversations import ConversationLinked
from shared.contracts.notifications import GuestNotified
from shared.contracts.payments import (
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
)
from shared.saga.table import SagaTable, compensable, pivot, retriable

BOOKING_REQUEST: SagaTable[RequestData] = SagaTable(
    name="booking_request",
    data=RequestData,
    steps=(
        compensable(
            "hold rooms",
            do=say.hold_rooms,
            done=RoomsHeld,
            on_reply=say.rooms_held,
            check=say.paid_too_little,
            refused=RoomsNotHeld,
            refusal=say.refused_by,
            undo=say.release_rooms,
            undone=RoomsReleased,
            report=say.reported("rooms_held"),
        ),
        compensable(
            RESERVE_PAYMENT,
            do=say.reserve_payment,
            done=PaymentReserved,
            on_reply=say.payment_reserved,
            refused=PaymentRefused,
            refusal=say.refused_by,
            waiting=PaymentAwaited,
            wait=say.wait_for_payment,
            undo=say.release_payment,
            undone=PaymentReleased,
            report=say.reported("payment_reserved"),
        ),
        compensable(
            "hold rooms again",
            when=lambda data: data.freed,
            do=say.hold_rooms,
            done=RoomsHeld,
            on_reply=say.rooms_held_again,
            refused=RoomsNotHeld,
            refusal=say.rooms_gone,
            undo=say.free_rooms,
            undone=RoomsFreed,
            report=say.reported("rooms_held_again"),
        ),
        compensable(
            "order rooms",
            when=lambda data: data.outside,
            patience=say.ORDER_PATIENCE,
            do=say.order_rooms,
            done=RoomsOrdered,
            on_reply=say.rooms_ordered,
            refused=RoomsNotOrdered,
            refusal=say.refused_by,
            undo=say.cancel_orders,
            undone=OrdersCancelled,
            report=say.reported("rooms_ordered"),
        ),
        pivot("confirm", do=say.confirm),
        retriable(BOOK_ROOMS, do=say.book_rooms, done=RoomsBooked, report=say.reported("rooms_booked")),
        retriable(
            CAPTURE_PAYMENT,
            do=say.capture_payment,
            done=PaymentCaptured,
            report=say.reported("payment_captured"),
        ),
        # Notifications and conversations act on the outcome itself: these two steps only wait for them.
        retriable("tell the guest", do=say.confirm, done=GuestNotified, report=say.reported("guest_notified")),
        retriable(
            "link the conversation",
            do=say.confirm,
            done=ConversationLinked,
            report=say.reported("conversation_linked"),
        ),
    ),
    refuse=say.refuse,
)

REQUEST_SAGA = BookingSaga(BOOKING_REQUEST, UnitOfWork.move)
