"""Staff's commands about a confirmed booking: staff give them over HTTP, and booking sends them to itself."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.contracts import topics
from shared.contracts.common import MOST_ROOMS, Amount, Day, Identifier, Name, Text
from shared.messages.message import Message


class StaffCommand(Message):
    """The fields of every command. The caller chooses `command_id`; a repeated id is done once."""

    command_id: UUID
    booking_id: UUID
    who: Name = Field(description="Who says so.")
    reason: Text | None = Field(None, description="For the staff; the guest never reads it.")


Codes = Annotated[tuple[Identifier, ...], Field(max_length=MOST_ROOMS, description="Of single stays; none: all.")]
Leeway = Annotated[Amount | None, Field(description="How far a named fee may lie from the policy's; none: any.")]


class CancelBooking(
    StaffCommand, type="posada.booking.cancel-booking.v1", topic=topics.internal("booking"), key="booking_id"
):
    """Cancel the booking, or these stays of it; the fee is the policy's unless it is named."""

    codes: Codes = ()
    fee: Amount | None = None
    leeway: Leeway = None


class MarkNoShow(
    StaffCommand, type="posada.booking.mark-no-show.v1", topic=topics.internal("booking"), key="booking_id"
):
    """The guests of the booking, or of these stays, did not arrive; the fee is the policy's unless it is named."""

    codes: Codes = ()
    fee: Amount | None = None
    leeway: Leeway = None


class CheckIn(StaffCommand, type="posada.booking.check-in.v1", topic=topics.internal("booking"), key="booking_id"):
    """Guests have arrived in these stays, or in all that are still expected."""

    codes: tuple[Identifier, ...] = Field((), max_length=MOST_ROOMS)


class CheckOut(StaffCommand, type="posada.booking.check-out.v1", topic=topics.internal("booking"), key="booking_id"):
    """Guests have left these stays, or all that are checked in; `owing` allows it although money is owed."""

    codes: tuple[Identifier, ...] = Field((), max_length=MOST_ROOMS)
    owing: bool = False


class RejectBooking(
    StaffCommand, type="posada.booking.reject-booking.v1", topic=topics.internal("booking"), key="booking_id"
):
    """Reject a booking that is not confirmed yet: rooms and payment are released."""


class ChangeDates(
    StaffCommand, type="posada.booking.change-dates.v1", topic=topics.internal("booking"), key="booking_id"
):
    """Change the dates of all rooms of the booking; the new nights are priced anew."""

    check_in: Day
    check_out: Day
    leeway: Annotated[
        Amount | None, Field(description="How much less a cancellation may cost on these nights; none: any.")
    ] = None


class ChangeDue(Message, type="posada.booking.change-due.v1", topic=topics.internal("booking"), key="booking_id"):
    """A timer of booking: a change has timed out."""

    booking_id: UUID
