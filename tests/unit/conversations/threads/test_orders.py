"""Late, repeated and reordered events lead to the same threads: hypothesis permutes them, through the handlers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.conversations.unit_of_work import UnitOfWork
from shared.contracts.booking import BookingConfirmed, Outcome
from shared.contracts.conversations import ChatMessage
from shared.messages.message import Message
from tests.support.builders.conversations import (
    NOW,
    PHONE,
    a_world,
    cancelled,
    chat,
    confirmed,
    days,
    modified,
    not_shown,
)
from tests.unit.conversations.threads.test_scenarios import handle, messages_in

FIRST = NOW - days(40)


def shape(uow: UnitOfWork) -> set[tuple[Any, ...]]:
    """What must not depend on the order: threads with their booking, name, times and messages."""
    return {
        (
            thread.contact,
            thread.apartment,
            thread.booking_id,
            thread.name,
            thread.first_message_at,
            thread.last_message_at,
            thread.closed_at,
            frozenset(messages_in(uow, thread)),
        )
        for thread in uow.tenants[PHONE].threads
    }


def after(messages: Sequence[Message]) -> UnitOfWork:
    """The world once these were handled, one after the other."""
    uow = a_world()
    handle(uow, *messages)
    return uow


def happened(message: Message) -> datetime:
    """When an event happened, whenever it arrives."""
    if isinstance(message, ChatMessage):
        return message.sent_at
    assert isinstance(message, Outcome)
    return message.at


ONE_BOOKING: list[Message] = [
    confirmed("101", "102", starts=10, booking_id=UUID(int=1)),
    *[chat(message_id=f"m{number}", sent_at=NOW - timedelta(hours=number)) for number in range(4)],
]
BOOKINGS: list[Message] = [
    confirmed("101", starts=-20, nights=15, at=FIRST, booking_id=UUID(int=1)),
    confirmed("201", "101", starts=-1, at=NOW - days(9), booking_id=UUID(int=2)),
    confirmed("101", starts=12, at=NOW - days(1), booking_id=UUID(int=3)),
]
CHATS: list[Message] = [chat(message_id=f"n{number}", sent_at=NOW - days(5 * number)) for number in range(4)]


@st.composite
def shuffled(draw: st.DrawFn, messages: Sequence[Message]) -> list[Message]:
    """Any order, some of them more than once."""
    repeated = draw(st.lists(st.sampled_from(messages), max_size=len(messages)))
    return draw(st.permutations([*messages, *repeated]))


ROOMS = st.lists(st.sampled_from(["101", "201", "301"]), min_size=1, max_size=2, unique=True)
STARTS = st.integers(-45, 45)
BOOLS = st.booleans()


@st.composite
def lives(draw: st.DrawFn, booking: BookingConfirmed) -> list[Message]:
    """What becomes of a booking later: up to two changes of dates and rooms, and perhaps its end."""
    hours = sorted(draw(st.lists(st.integers(1, 20 * 24), max_size=3, unique=True)))
    moments = [booking.at + timedelta(hours=number) for number in hours]
    ends = [draw(st.sampled_from([cancelled, not_shown]))(booking, moments.pop())] if moments and draw(BOOLS) else []
    changes = [
        modified(booking, *draw(ROOMS), at=at, starts=draw(STARTS), revision=revision)
        for revision, at in enumerate(moments, 1)
    ]
    return [*changes, *ends]


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Bookings of three apartments from the first on with their lives, and messages from three days before it until
    today."""
    hours = st.integers(0, 39 * 24).map(lambda number: FIRST + timedelta(hours=number))
    made = [FIRST, *draw(st.lists(hours, max_size=3))]
    confirmations = [
        confirmed(*draw(ROOMS), starts=draw(STARTS), at=at, booking_id=UUID(int=number))
        for number, at in enumerate(made, 1)
    ]
    bookings = [told for one in confirmations for told in (one, *draw(lives(one)))]
    moments = st.integers(-3 * 24, 40 * 24).map(lambda number: FIRST + timedelta(hours=number))
    sent = draw(st.lists(moments, min_size=1, max_size=6))
    return [*bookings, *[chat(message_id=f"m{number}", sent_at=at) for number, at in enumerate(sent)]]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Message], list[Message]]:
    """A history in its own order, and as it arrives: in any order and repeated, but no message before what was told
    of bookings by the time it was written.

    Such a message is already in a thread when its booking turns up, and messages never move between threads.
    """
    history = draw(histories())
    waiting = draw(shuffled(history))
    arrived: list[Message] = []
    while waiting:
        bookings = [one for one in waiting if isinstance(one, Outcome) and one not in arrived]
        ready = (
            one for one in waiting if isinstance(one, Outcome) or all(told.at > happened(one) for told in bookings)
        )
        waiting.remove(following := next(ready))
        arrived.append(following)
    return sorted(history, key=happened), arrived


@given(arrivals())
def test_late_repeated_and_reordered_events_lead_to_the_same_threads(
    history: tuple[list[Message], list[Message]],
) -> None:
    in_order, arrived = history
    assert shape(after(arrived)) == shape(after(in_order))


@given(shuffled(ONE_BOOKING))
def test_a_booking_and_the_messages_around_it_in_any_order_however_often(messages: list[Message]) -> None:
    assert shape(after(messages)) == shape(after(ONE_BOOKING))
    assert len(shape(after(messages))) == 1


@given(shuffled(BOOKINGS), st.sampled_from(CHATS))
def test_a_thread_that_waited_for_its_bookings_is_the_same_in_whatever_order_they_come(
    bookings: list[Message], message: Message
) -> None:
    assert shape(after([message, *bookings])) == shape(after([*BOOKINGS, message]))


@given(st.permutations([*BOOKINGS, *CHATS]), st.permutations([*BOOKINGS, *CHATS]))
def test_in_any_order_no_message_is_lost_and_no_thread_is_there_twice(one: list[Message], other: list[Message]) -> None:
    uow = after([*one, *other])
    keys = [(thread.contact, thread.apartment) for thread in uow.tenants[PHONE].threads]
    assert len(keys) == len(set(keys))
    assert sorted(stored.message.message_id for stored in uow.new_messages) == ["n0", "n1", "n2", "n3"]
