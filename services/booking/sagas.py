"""Every saga of booking, registered by the name that is stored with it, and how each goes on.

A saga goes on by the table that it began with. A new version of a table that is not just a step more gets a new name,
and the old one stays here until no saga is stored under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from services.booking.lifecycle.sagas.cancellation.saga import CANCELLATION_SAGA
from services.booking.lifecycle.sagas.change_dates.saga import CHANGE_DATES_SAGA
from services.booking.lifecycle.sagas.stays_end.saga import STAYS_END_SAGA
from services.booking.requests.saga.data import RequestData
from services.booking.requests.saga.table import REQUEST_SAGA
from services.booking.unit_of_work import BookingSaga, UnitOfWork
from shared.contracts.booking import SagaDue
from shared.contracts.booking.staff import ChangeDue
from shared.messages.message import Message
from shared.saga import engine
from shared.saga.engine import Transition
from shared.saga.metrics import raise_alarms
from shared.saga.store import SagaRecord
from shared.saga.table import SagaTable, Sends, registry

log = structlog.get_logger(__name__)

REQUEST_SAGAS: Final[tuple[BookingSaga[Any], ...]] = (REQUEST_SAGA,)
LIFECYCLE_SAGAS: Final[tuple[BookingSaga[Any], ...]] = (
    CANCELLATION_SAGA,
    CHANGE_DATES_SAGA,
    STAYS_END_SAGA,
)

TABLES: Final[Mapping[str, SagaTable[Any]]] = registry(*(saga.table for saga in (*REQUEST_SAGAS, *LIFECYCLE_SAGAS)))
REPLIES: Final = frozenset[type[Message]]().union(*(table.replies for table in TABLES.values()))
LIFECYCLE_REPLIES: Final = frozenset[type[Message]]().union(*(saga.table.replies for saga in LIFECYCLE_SAGAS))
_APPLY: Final = {saga.table.name: saga.apply for saga in (*REQUEST_SAGAS, *LIFECYCLE_SAGAS)}


def take_reply(uow: UnitOfWork, reply: Any, now: datetime) -> Sends:
    """Give a reply of another service to the saga that waits for it.

    That is the change of the booking that is under way, if it can get such a reply, else the saga of its request.
    """
    change = uow.change_under_way(reply.booking_id)
    saga = change if change and type(reply) in change.table.replies else uow.saga(reply.booking_id)
    if saga is None:
        log.warning("reply.unknown_booking", type=reply.type_name)
        return ()
    if _answers_another(saga.data, reply):
        log.info("reply.late", type=reply.type_name)
        return ()
    return _take(uow, saga, engine.advance(saga.table, saga.state, reply, now), now)


def wake_saga(uow: UnitOfWork, due: SagaDue | ChangeDue, now: datetime) -> Sends:
    """A saga has waited long enough."""
    saga = uow.change_under_way(due.booking_id) if isinstance(due, ChangeDue) else uow.saga(due.booking_id)
    return _take(uow, saga, engine.wake(saga.table, saga.state, now), now) if saga else ()


def _answers_another(data: Any, reply: Any) -> bool:
    """Whether a reply came late: it answers a command for an earlier change, or for the hold before this one.

    Replies of the same type go to different steps or sagas of a booking, so their type alone does not tell.
    """
    if hasattr(reply, "change"):
        return bool(reply.change != getattr(data, "order", None))
    holding = getattr(reply, "holding", None)
    return holding is not None and isinstance(data, RequestData) and holding != data.holding()


def _take(uow: UnitOfWork, saga: SagaRecord[Any], transition: Transition[Any], now: datetime) -> Sends:
    if transition.state is not saga.state:
        raise_alarms(saga.table.name, transition)
        _APPLY[saga.table.name](uow, saga, transition, now)
    return transition.sends
