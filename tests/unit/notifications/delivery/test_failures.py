"""What follows when a provider fails: pauses, the next channel, nobody left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.delivery.model import (
    ALIVE,
    BACK_OFF,
    Channel,
    Claimed,
    Sibling,
    Status,
    after_problem,
    next_in_line,
    nobody_told,
)
from tests.support.builders.notifications import NOW, a_delivery


def sibling(channel: Channel, status: Status, place: int = 0) -> Sibling:
    return Sibling(place + 1, channel, status, place)


def test_a_passing_problem_waits_longer_each_time_and_then_is_final() -> None:
    outcomes = [
        after_problem(Claimed(1, attempt, a_delivery()), "wati", "HTTP 503", final=False, now=NOW)
        for attempt in range(1, len(BACK_OFF) + 2)
    ]
    assert [one.due_at for one in outcomes[:-1]] == [NOW + pause for pause in BACK_OFF]
    assert outcomes[-1].status is Status.FAILED


def test_a_final_problem_ends_the_channel_at_once() -> None:
    outcome = after_problem(Claimed(1, 1, a_delivery()), "wati", "HTTP 400", final=True, now=NOW)
    assert (outcome.status, outcome.due_at) == (Status.FAILED, None)


def test_the_standing_by_follow_in_their_order() -> None:
    family = [
        sibling(Channel.MESSENGER, Status.FAILED, 1),
        sibling(Channel.WHATSAPP, Status.STANDBY, 3),
        sibling(Channel.INSTAGRAM, Status.STANDBY, 2),
    ]
    following = next_in_line(family)
    assert following
    assert following.channel is Channel.INSTAGRAM


def test_a_failed_email_wakes_no_second_chat_message() -> None:
    family = [
        sibling(Channel.EMAIL, Status.FAILED),
        sibling(Channel.MESSENGER, Status.SENT, 1),
        sibling(Channel.INSTAGRAM, Status.STANDBY, 2),
    ]
    assert next_in_line(family) is None
    assert not nobody_told(family)


families = st.lists(
    st.builds(sibling, st.sampled_from(Channel), st.sampled_from(Status), st.integers(0, 5)), min_size=1, max_size=6
)


@given(families)
def test_a_guest_is_told_on_the_way_or_for_staff(family: list[Sibling]) -> None:
    following = next_in_line(family)
    assert following or nobody_told(family) or any(one.status in (*ALIVE, Status.WITHDRAWN) for one in family)
    assert not (following and nobody_told(family))
