"""What happens to threads as messages and bookings come, through the handlers and without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.conversations.threads import handlers
from services.conversations.threads.rules import Thread
from services.conversations.unit_of_work import UnitOfWork
from shared.contracts.booking import BookingConfirmed, Contact
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, CancellationDecided, GuestNotShown
from shared.contracts.conversations import Author, ChatMessage, ConversationLinked
from shared.messages.message import Message
from tests.support.builders.conversations import (
    NOW,
    PHONE,
    SUBSCRIBER,
    WA_ID,
    a_world,
    cancelled,
    chat,
    confirmed,
    days,
    modified,
)


def handle(uow: UnitOfWork, *messages: Message, later: int = 0) -> list[Any]:
    answers: list[Any] = []
    for message in messages:
        if isinstance(message, ChatMessage):
            answers += handlers.chat_message(uow, message, NOW + days(later))
        elif isinstance(message, BookingConfirmed):
            answers += handlers.booking_confirmed(uow, message, NOW + days(later))
        elif isinstance(message, BookingModified | CancellationDecided | BookingCancelled | GuestNotShown):
            answers += handlers.booking_changed(uow, message, NOW + days(later))
        else:
            raise TypeError(type(message))
    return answers


def threads(uow: UnitOfWork) -> dict[str | None, Thread]:
    return {thread.apartment.room if thread.apartment else None: thread for thread in uow.tenants[PHONE].threads}


def messages_in(uow: UnitOfWork, thread: Thread) -> list[str]:
    return [stored.message.message_id for stored in uow.new_messages if stored.thread is thread]


def test_scenario_1_a_second_apartment_gets_a_second_thread_when_the_first_is_over() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=-9, nights=8, at=NOW - days(20)), chat())
    handle(uow, second := confirmed("201", starts=-1, at=NOW - days(2)), chat())
    assert set(threads(uow)) == {"101", "201"}
    assert threads(uow)["201"].booking_id == second.booking_id
    assert all(len(messages_in(uow, thread)) == 1 for thread in threads(uow).values())


def test_scenario_1_of_two_apartments_today_the_newer_booking_has_the_message() -> None:
    uow = a_world()
    handle(uow, confirmed("101", at=NOW - days(20)), chat(), confirmed("201", at=NOW - days(2)), chat())
    assert set(threads(uow)) == {"101", "201"}


def test_scenario_2_who_returns_gets_the_old_thread_back() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=-300, at=NOW - days(310)), chat(message_id="old"))
    answer, _ = handle(uow, again := confirmed("101", starts=3), chat(message_id="new"))
    (thread,) = threads(uow).values()
    assert messages_in(uow, thread) == ["old", "new"]
    assert thread.booking_id == again.booking_id
    assert answer == ConversationLinked(booking_id=again.booking_id, threads=(thread.id,))


def test_scenario_3_a_message_goes_to_the_apartment_of_its_day() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=-1, nights=3), confirmed("201", starts=30, at=NOW + timedelta(minutes=1)))
    handle(uow, chat(message_id="today"))
    handle(uow, chat(message_id="next month", sent_at=NOW + days(32)), later=32)
    assert messages_in(uow, threads(uow)["101"]) == ["today"]
    assert messages_in(uow, threads(uow)["201"]) == ["next month"]


def test_scenario_4_a_message_before_any_booking_is_adopted_later() -> None:
    uow = a_world()
    handle(uow, chat(message_id="first"), chat(message_id="second"))
    assert list(threads(uow)) == [None]
    (answer,) = handle(uow, booking := confirmed("101", starts=20))
    (thread,) = threads(uow).values()
    assert threads(uow)["101"] is thread
    assert messages_in(uow, thread) == ["first", "second"]
    assert answer == ConversationLinked(booking_id=booking.booking_id, threads=(thread.id,))


def test_several_rooms_are_several_apartments_and_the_first_has_the_message() -> None:
    uow = a_world()
    handle(uow, confirmed("102", starts=-300, at=NOW - days(310)), chat())
    (answer,) = handle(uow, booking := confirmed("101", "102", "103"))
    assert answer.threads == (threads(uow)["102"].id,)
    handle(uow, chat(message_id="about three rooms"))
    assert messages_in(uow, threads(uow)["101"]) == ["about three rooms"]
    assert {room: thread.booking_id for room, thread in threads(uow).items()} == {
        "101": booking.booking_id,
        "102": booking.booking_id,
    }


def test_a_repetition_changes_nothing_even_when_another_booking_fits_by_now() -> None:
    uow = a_world()
    message = chat()
    handle(uow, confirmed("101"), message, confirmed("201", at=NOW + timedelta(minutes=1)), message)
    assert set(threads(uow)) == {"101"}
    assert len(uow.new_messages) == 1


def test_a_booking_without_any_contact_is_answered() -> None:
    booking = confirmed(wa_id=None)
    assert handle(a_world(), booking) == [ConversationLinked(booking_id=booking.booking_id)]


def test_a_subscriber_stands_for_the_tenant_until_a_booking_gives_the_phone() -> None:
    uow = a_world()
    handle(uow, chat(SUBSCRIBER, "before", channel="messenger"))
    booking = confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER, channel="messenger"))
    handle(uow, booking, chat(SUBSCRIBER, "after", channel="messenger"), chat(WA_ID, "by phone"))
    (thread,) = uow.tenants[PHONE].threads
    assert thread.contact == PHONE
    assert thread.participants["tenant"] == PHONE
    assert messages_in(uow, thread) == ["before", "after", "by phone"]
    assert uow.new_subscribers == {SUBSCRIBER: PHONE}


def test_of_two_threads_without_apartment_the_elder_moves_in_and_the_other_is_closed() -> None:
    uow = a_world()
    handle(uow, chat(SUBSCRIBER, "b", channel="messenger"), chat(WA_ID, "a", sent_at=NOW - days(1)))
    booking = confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER))
    (answer,) = handle(uow, booking)
    by_room = threads(uow)
    assert messages_in(uow, by_room["101"]) == ["a"]
    assert messages_in(uow, by_room[None]) == ["b"]
    assert by_room[None].closed_at == NOW
    assert len(answer.threads) == 2


def test_of_two_threads_of_an_apartment_the_phones_stays_and_the_subscribers_is_closed() -> None:
    uow = a_world()
    handle(uow, confirmed("101", wa_id=SUBSCRIBER), chat(SUBSCRIBER, "a", channel="messenger"))
    handle(uow, confirmed("101"), chat(WA_ID, "b"))
    handle(uow, confirmed("201", starts=20, contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)))
    handle(uow, chat(SUBSCRIBER, "c", channel="messenger"))
    open_ones = [thread for thread in uow.tenants[PHONE].threads if thread.closed_at is None]
    closed = [thread for thread in uow.tenants[PHONE].threads if thread.closed_at]
    assert [messages_in(uow, thread) for thread in open_ones] == [["b", "c"]]
    assert [messages_in(uow, thread) for thread in closed] == [["a"]]


def test_a_subscriber_who_changes_the_phone_is_the_tenant_of_the_new_one() -> None:
    other = "+50370000009"
    uow = a_world(PHONE, SUBSCRIBER, other)
    handle(uow, confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)), chat(WA_ID, "old"))
    handle(uow, confirmed("201", contact=Contact(wa_id=other[1:], subscriber_id=SUBSCRIBER)))
    handle(uow, chat(SUBSCRIBER, "new", channel="messenger"))
    assert uow.new_subscribers == {SUBSCRIBER: other}
    assert [messages_in(uow, thread) for thread in uow.tenants[other].threads] == [["new"]]
    assert [messages_in(uow, thread) for thread in uow.tenants[PHONE].threads] == [["old"]]


def test_what_staff_write_goes_to_the_tenants_thread_and_does_not_name_it() -> None:
    uow = a_world()
    handle(uow, chat(author=Author.MANAGER, name="Recepción"))
    assert threads(uow)[None].name == PHONE


def test_a_late_message_goes_where_it_would_have_gone() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=-9, nights=8, at=NOW - days(20)))
    handle(uow, confirmed("201", starts=-1, at=NOW - days(2)))
    handle(uow, chat(message_id="late", sent_at=NOW - days(3)), chat(message_id="now"))
    assert messages_in(uow, threads(uow)["101"]) == ["late"]
    assert messages_in(uow, threads(uow)["201"]) == ["now"]


def test_a_late_booking_gets_the_message_that_was_written_after_it() -> None:
    uow = a_world()
    handle(uow, chat(message_id="about the newer one"))
    handle(uow, confirmed("101", starts=20, at=NOW - days(9)))
    handle(uow, confirmed("201", starts=-1, at=NOW - days(2)))
    (thread,) = threads(uow).values()
    assert thread.apartment == ("mar", "201")


def test_a_message_of_before_the_booking_goes_to_the_thread_that_would_have_been_adopted() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=20, at=NOW - days(1)), chat(message_id="early", sent_at=NOW - days(2)))
    assert messages_in(uow, threads(uow)["101"]) == ["early"]


def test_an_old_thread_without_a_booking_takes_its_own_late_messages() -> None:
    uow = a_world()
    handle(uow, chat(message_id="old", sent_at=NOW - days(90)), confirmed("101", starts=20))
    handle(uow, chat(message_id="late", sent_at=NOW - days(80)), chat(message_id="new"))
    assert messages_in(uow, threads(uow)[None]) == ["old", "late"]
    assert messages_in(uow, threads(uow)["101"]) == ["new"]
    assert threads(uow)[None].booking_id is None


def test_a_clock_ahead_of_ours_counts_as_now() -> None:
    uow = a_world()
    handle(uow, confirmed("101"), chat(sent_at=NOW + days(400)))
    assert threads(uow)["101"].last_message_at == NOW


def test_an_old_thread_is_about_the_newer_stay_as_soon_as_that_is_booked() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=-300, at=NOW - days(310)), chat(sent_at=NOW - days(299)))
    handle(uow, again := confirmed("101", starts=60))
    assert threads(uow)["101"].booking_id == again.booking_id


def test_a_message_lets_its_thread_be_about_the_stay_of_its_day() -> None:
    uow = a_world()
    handle(uow, confirmed("101", starts=-1, nights=3), next_month := confirmed("101", starts=30))
    handle(uow, chat(), later=1)
    handle(uow, chat(sent_at=NOW + days(32)), later=32)
    assert threads(uow)["101"].booking_id == next_month.booking_id


def test_the_thread_of_a_room_that_a_booking_left_is_no_longer_about_it() -> None:
    uow = a_world()
    handle(uow, booking := confirmed("101", at=NOW - days(9)), chat(sent_at=NOW - days(8)))
    handle(uow, modified(booking, "102", at=NOW - days(7), starts=-1))
    assert threads(uow)["101"].booking_id is None
    handle(uow, chat(message_id="there"))
    assert messages_in(uow, threads(uow)["102"]) == ["there"]
    assert threads(uow)["102"].booking_id == booking.booking_id


def test_the_thread_of_a_room_that_a_booking_left_is_about_who_else_has_it() -> None:
    uow = a_world()
    other = confirmed("101", starts=20, at=NOW - days(10))
    handle(uow, other, booking := confirmed("101", at=NOW - days(9)), chat(sent_at=NOW - days(1)))
    assert threads(uow)["101"].booking_id == booking.booking_id
    handle(uow, modified(booking, "102", at=NOW, starts=-1))
    assert threads(uow)["101"].booking_id == other.booking_id


def test_a_message_of_before_a_cancellation_goes_where_it_would_have_gone() -> None:
    uow = a_world()
    here = confirmed("101", starts=-9, nights=20, at=NOW - days(20))
    handle(uow, here, confirmed("201", starts=40, at=NOW - days(19)), cancelled(here, NOW - days(1)))
    handle(uow, chat(message_id="late", sent_at=NOW - days(2)), chat(message_id="now"))
    assert messages_in(uow, threads(uow)["101"]) == ["late"]
    assert messages_in(uow, threads(uow)["201"]) == ["now"]


def test_an_end_that_is_heard_first_is_kept_for_its_booking() -> None:
    uow = a_world()
    booking = confirmed("101", at=NOW - days(9))
    handle(uow, cancelled(booking, NOW - days(1)), confirmed("201", at=NOW - days(10)))
    assert not threads(uow)
    handle(uow, booking, chat())
    assert list(threads(uow)) == ["201"]
