"""Single rooms of a booked hold are given up by room and code: what has another code by now is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.availability.hold import Hold, State
from services.availability.stay import Stay
from tests.support.builders.bookings import CHECK_IN
from tests.support.doubles.transport import START

BOOKED = Hold(
    booking_id=UUID(int=1),
    property_id="las-hojas",
    state=State.BOOKED,
    stay=Stay(CHECK_IN, CHECK_IN + timedelta(days=2)),
    rooms=("18", "19", "20"),
    expires_at=START,
    codes=(("18", "HR1"), ("19", "HR2"), ("20", "HR3")),
)


def test_its_room_and_nights_go_and_the_others_stay() -> None:
    left = BOOKED.given_up({"19": "HR2"})
    assert (left.rooms, dict(left.codes)) == (("18", "20"), {"18": "HR1", "20": "HR3"})
    assert {room for room, _ in left.nights} == {"18", "20"}
    assert left.given_up({"19": "HR2"}) is left


@pytest.mark.parametrize("stays", [{"19": "HR1"}, {"21": "HR2"}, {}])
def test_a_room_that_another_stay_has_by_now_is_left_alone(stays: dict[str, str]) -> None:
    """A repetition may come after a change of dates, which gave the room to another stay of the booking."""
    assert BOOKED.given_up(stays) is BOOKED


@pytest.mark.parametrize("state", [State.HELD, State.FREED, State.RELEASED])
def test_only_what_is_booked_is_given_up(state: State) -> None:
    hold = replace(BOOKED, state=state)
    assert hold.given_up({"18": "HR1"}) is hold
