"""Calls to an external system: what is to be asked there, and under which id it is the same call."""

from __future__ import annotations

from uuid import uuid4, uuid5

from services.availability.catalogue import Property
from services.availability.stay import Stay
from services.availability.unit_of_work import ExternalJob
from shared.contracts.availability import CancelOrders, CountRequested, GiveUpStays, HoldRooms, OrderRooms, OutsideSeen

AWAY = "inventory_away"
LOOK, ORDER, CANCEL, GIVE_UP = "look", "order", "cancel", "give_up"


def look(
    property_: Property, stay: Stay, *, count: CountRequested | None = None, hold: HoldRooms | None = None
) -> ExternalJob:
    """See what is free, for a count or a hold."""
    asked = OutsideSeen(
        request_id=count.request_id if count else str(hold.booking_id if hold else ""),
        booking_id=hold.booking_id if hold else None,
        property_id=property_.id,
        check_in=stay.check_in,
        check_out=stay.check_out,
        count=count,
        hold=hold,
    )
    job_id = uuid5(hold.booking_id, LOOK) if hold else uuid4()
    return ExternalJob(job_id, LOOK, property_.id, asked.model_dump_json(exclude_none=True), asked.booking_id)


def order(command: OrderRooms) -> ExternalJob:
    """Book the rooms of a booking."""
    job_id = uuid5(command.booking_id, ORDER)
    return ExternalJob(job_id, ORDER, command.property_id, command.model_dump_json(), command.booking_id)


def cancel(command: CancelOrders) -> ExternalJob:
    """Undo what a booking has."""
    job_id = uuid5(command.booking_id, CANCEL)
    return ExternalJob(job_id, CANCEL, command.property_id, command.model_dump_json(), command.booking_id)


def give_up(command: GiveUpStays) -> ExternalJob:
    """Undo single rooms of a booking."""
    job_id = uuid5(command.booking_id, f"{GIVE_UP} {command.change}")
    return ExternalJob(job_id, GIVE_UP, command.property_id, command.model_dump_json(), command.booking_id)
