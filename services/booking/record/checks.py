"""What is checked before a booking is changed: its dates, its state, and whether guests could have come."""

from __future__ import annotations

from datetime import date, datetime, time

from services.booking.record.booking import Booking
from services.booking.record.cancellation_fee import check_in_moment
from services.booking.record.states import Status
from shared.contracts.common import Reason
from shared.errors import Refusal


def check_dates(check_in: date, check_out: date) -> None:
    """A stay has at least one night.

    Raises:
        Refusal: invalid_request.
    """
    if check_out <= check_in:
        text = f"check_out {check_out} must be after check_in {check_in}"
        raise Refusal(Reason.INVALID_REQUEST, text, field="check_out")


def check_may_change(booking: Booking) -> None:
    """Dates change only while the guests are still expected.

    Raises:
        Refusal: illegal_change, with the states that allow it.
    """
    if booking.status is not Status.CONFIRMED:
        text = f"the booking is {booking.status}: dates can be changed while it is {Status.CONFIRMED}"
        raise Refusal("illegal_change", text, state=booking.status.value, allowed=[Status.CONFIRMED.value])


def check_came_late(booking: Booking, arrives_at: time, zone: str, now: datetime) -> None:
    """Nobody can fail to show up before they may arrive.

    Raises:
        Refusal: too_early, with the moment from which on it can be said.
    """
    arrival = check_in_moment(booking.check_in, arrives_at, zone)
    if now < arrival:
        text = f"guests may arrive from {arrival.isoformat()} on: until then nobody is a no-show"
        raise Refusal("too_early", text, check_in=arrival.isoformat())
