"""What happens to threads as messages and bookings come, through the handlers and without a database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.conversations.threads import handlers
from services.conversations.threads.rules import Thread
from services.conversations.unit_of_work import World
from shared.contracts.booking import BookingConfirmed, Contact
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, CancellationDecided, GuestNotShown
from shared.contracts.conversations import Author, ChatMessage, ConversationLinked
from shared.messages.message import Message

from .builders import NOW, PHONE, SUBSCRIBER, WA_ID, a_world, cancelled, chat, confirmed, days, modified


def handle(world: World, *messages: Message, later: int = 0) -> list[Any]:
    answers: list[Any] = []
    for message in messages:
        if isinstance(message, ChatMessage):
            answers += handlers.chat_message(world, message, NOW + days(later))
        elif isinstance(message, BookingConfirmed):
            answers += handlers.booking_confirmed(world, message, NOW + days(later))
        elif isinstance(message, BookingModified | CancellationDecided | BookingCancelled | GuestNotShown):
            answers += handlers.booking_changed(world, message, NOW + days(later))
        else:
            raise TypeError(type(message))
    return answers


def threads(world: World) -> dict[str | None, Thread]:
    return {thread.apartment.room if thread.apartment else None: thread for thread in world.tenants[PHONE].threads}


def messages_in(world: World, thread: Thread) -> list[str]:
    return [stored.message.message_id for stored in world.new_messages if stored.thread is thread]


def test_scenario_1_a_second_apartment_gets_a_second_thread_when_the_first_is_over() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=-9, nights=8, at=NOW - days(20)), chat())
    handle(world, second := confirmed("201", starts=-1, at=NOW - days(2)), chat())
    assert set(threads(world)) == {"101", "201"}
    assert threads(world)["201"].booking_id == second.booking_id
    assert all(len(messages_in(world, thread)) == 1 for thread in threads(world).values())


def test_scenario_1_of_two_apartments_today_the_newer_booking_has_the_message() -> None:
    world = a_world()
    handle(world, confirmed("101", at=NOW - days(20)), chat(), confirmed("201", at=NOW - days(2)), chat())
    assert set(threads(world)) == {"101", "201"}


def test_scenario_2_who_returns_gets_the_old_thread_back() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=-300, at=NOW - days(310)), chat(message_id="old"))
    answer, _ = handle(world, again := confirmed("101", starts=3), chat(message_id="new"))
    (thread,) = threads(world).values()
    assert messages_in(world, thread) == ["old", "new"]
    assert thread.booking_id == again.booking_id
    assert answer == ConversationLinked(booking_id=again.booking_id, threads=(thread.id,))


def test_scenario_3_a_message_goes_to_the_apartment_of_its_day() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=-1, nights=3), confirmed("201", starts=30, at=NOW + timedelta(minutes=1)))
    handle(world, chat(message_id="today"))
    handle(world, chat(message_id="next month", sent_at=NOW + days(32)), later=32)
    assert messages_in(world, threads(world)["101"]) == ["today"]
    assert messages_in(world, threads(world)["201"]) == ["next month"]


def test_scenario_4_a_message_before_any_booking_is_adopted_later() -> None:
    world = a_world()
    handle(world, chat(message_id="first"), chat(message_id="second"))
    assert list(threads(world)) == [None]
    (answer,) = handle(world, booking := confirmed("101", starts=20))
    (thread,) = threads(world).values()
    assert threads(world)["101"] is thread
    assert messages_in(world, thread) == ["first", "second"]
    assert answer == ConversationLinked(booking_id=booking.booking_id, threads=(thread.id,))


def test_several_rooms_are_several_apartments_and_the_first_has_the_message() -> None:
    world = a_world()
    handle(world, confirmed("102", starts=-300, at=NOW - days(310)), chat())
    (answer,) = handle(world, booking := confirmed("101", "102", "103"))
    assert answer.threads == (threads(world)["102"].id,)
    handle(world, chat(message_id="about three rooms"))
    assert messages_in(world, threads(world)["101"]) == ["about three rooms"]
    assert {room: thread.booking_id for room, thread in threads(world).items()} == {
        "101": booking.booking_id,
        "102": booking.booking_id,
    }


def test_a_repetition_changes_nothing_even_when_another_booking_fits_by_now() -> None:
    world = a_world()
    message = chat()
    handle(world, confirmed("101"), message, confirmed("201", at=NOW + timedelta(minutes=1)), message)
    assert set(threads(world)) == {"101"}
    assert len(world.new_messages) == 1


def test_a_booking_without_any_contact_is_answered() -> None:
    booking = confirmed(wa_id=None)
    assert handle(a_world(), booking) == [ConversationLinked(booking_id=booking.booking_id)]


def test_a_subscriber_stands_for_the_tenant_until_a_booking_gives_the_phone() -> None:
    world = a_world()
    handle(world, chat(SUBSCRIBER, "before", channel="messenger"))
    booking = confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER, channel="messenger"))
    handle(world, booking, chat(SUBSCRIBER, "after", channel="messenger"), chat(WA_ID, "by phone"))
    (thread,) = world.tenants[PHONE].threads
    assert thread.contact == PHONE
    assert thread.participants["tenant"] == PHONE
    assert messages_in(world, thread) == ["before", "after", "by phone"]
    assert world.new_subscribers == {SUBSCRIBER: PHONE}


def test_of_two_threads_without_apartment_the_elder_moves_in_and_the_other_is_closed() -> None:
    world = a_world()
    handle(world, chat(SUBSCRIBER, "b", channel="messenger"), chat(WA_ID, "a", sent_at=NOW - days(1)))
    booking = confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER))
    (answer,) = handle(world, booking)
    by_room = threads(world)
    assert messages_in(world, by_room["101"]) == ["a"]
    assert messages_in(world, by_room[None]) == ["b"]
    assert by_room[None].closed_at == NOW
    assert len(answer.threads) == 2


def test_of_two_threads_of_an_apartment_the_phones_stays_and_the_subscribers_is_closed() -> None:
    world = a_world()
    handle(world, confirmed("101", wa_id=SUBSCRIBER), chat(SUBSCRIBER, "a", channel="messenger"))
    handle(world, confirmed("101"), chat(WA_ID, "b"))
    handle(world, confirmed("201", starts=20, contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)))
    handle(world, chat(SUBSCRIBER, "c", channel="messenger"))
    open_ones = [thread for thread in world.tenants[PHONE].threads if thread.closed_at is None]
    closed = [thread for thread in world.tenants[PHONE].threads if thread.closed_at]
    assert [messages_in(world, thread) for thread in open_ones] == [["b", "c"]]
    assert [messages_in(world, thread) for thread in closed] == [["a"]]


def test_a_subscriber_who_changes_the_phone_is_the_tenant_of_the_new_one() -> None:
    other = "+50370000009"
    world = a_world(PHONE, SUBSCRIBER, other)
    handle(world, confirmed("101", contact=Contact(wa_id=WA_ID, subscriber_id=SUBSCRIBER)), chat(WA_ID, "old"))
    handle(world, confirmed("201", contact=Contact(wa_id=other[1:], subscriber_id=SUBSCRIBER)))
    handle(world, chat(SUBSCRIBER, "new", channel="messenger"))
    assert world.new_subscribers == {SUBSCRIBER: other}
    assert [messages_in(world, thread) for thread in world.tenants[other].threads] == [["new"]]
    assert [messages_in(world, thread) for thread in world.tenants[PHONE].threads] == [["old"]]


def test_what_staff_write_goes_to_the_tenants_thread_and_does_not_name_it() -> None:
    world = a_world()
    handle(world, chat(author=Author.MANAGER, name="Recepción"))
    assert threads(world)[None].name == PHONE


def test_a_late_message_goes_where_it_would_have_gone() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=-9, nights=8, at=NOW - days(20)))
    handle(world, confirmed("201", starts=-1, at=NOW - days(2)))
    handle(world, chat(message_id="late", sent_at=NOW - days(3)), chat(message_id="now"))
    assert messages_in(world, threads(world)["101"]) == ["late"]
    assert messages_in(world, threads(world)["201"]) == ["now"]


def test_a_late_booking_gets_the_message_that_was_written_after_it() -> None:
    world = a_world()
    handle(world, chat(message_id="about the newer one"))
    handle(world, confirmed("101", starts=20, at=NOW - days(9)))
    handle(world, confirmed("201", starts=-1, at=NOW - days(2)))
    (thread,) = threads(world).values()
    assert thread.apartment == ("mar", "201")


def test_a_message_of_before_the_booking_goes_to_the_thread_that_would_have_been_adopted() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=20, at=NOW - days(1)), chat(message_id="early", sent_at=NOW - days(2)))
    assert messages_in(world, threads(world)["101"]) == ["early"]


def test_an_old_thread_without_a_booking_takes_its_own_late_messages() -> None:
    world = a_world()
    handle(world, chat(message_id="old", sent_at=NOW - days(90)), confirmed("101", starts=20))
    handle(world, chat(message_id="late", sent_at=NOW - days(80)), chat(message_id="new"))
    assert messages_in(world, threads(world)[None]) == ["old", "late"]
    assert messages_in(world, threads(world)["101"]) == ["new"]
    assert threads(world)[None].booking_id is None


def test_a_clock_ahead_of_ours_counts_as_now() -> None:
    world = a_world()
    handle(world, confirmed("101"), chat(sent_at=NOW + days(400)))
    assert threads(world)["101"].last_message_at == NOW


def test_an_old_thread_is_about_the_newer_stay_as_soon_as_that_is_booked() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=-300, at=NOW - days(310)), chat(sent_at=NOW - days(299)))
    handle(world, again := confirmed("101", starts=60))
    assert threads(world)["101"].booking_id == again.booking_id


def test_a_message_lets_its_thread_be_about_the_stay_of_its_day() -> None:
    world = a_world()
    handle(world, confirmed("101", starts=-1, nights=3), next_month := confirmed("101", starts=30))
    handle(world, chat(), later=1)
    handle(world, chat(sent_at=NOW + days(32)), later=32)
    assert threads(world)["101"].booking_id == next_month.booking_id


def test_the_thread_of_a_room_that_a_booking_left_is_no_longer_about_it() -> None:
    world = a_world()
    handle(world, booking := confirmed("101", at=NOW - days(9)), chat(sent_at=NOW - days(8)))
    handle(world, modified(booking, "102", at=NOW - days(7), starts=-1))
    assert threads(world)["101"].booking_id is None
    handle(world, chat(message_id="there"))
    assert messages_in(world, threads(world)["102"]) == ["there"]
    assert threads(world)["102"].booking_id == booking.booking_id


def test_the_thread_of_a_room_that_a_booking_left_is_about_who_else_has_it() -> None:
    world = a_world()
    other = confirmed("101", starts=20, at=NOW - days(10))
    handle(world, other, booking := confirmed("101", at=NOW - days(9)), chat(sent_at=NOW - days(1)))
    assert threads(world)["101"].booking_id == booking.booking_id
    handle(world, modified(booking, "102", at=NOW, starts=-1))
    assert threads(world)["101"].booking_id == other.booking_id


def test_a_message_of_before_a_cancellation_goes_where_it_would_have_gone() -> None:
    world = a_world()
    here = confirmed("101", starts=-9, nights=20, at=NOW - days(20))
    handle(world, here, confirmed("201", starts=40, at=NOW - days(19)), cancelled(here, NOW - days(1)))
    handle(world, chat(message_id="late", sent_at=NOW - days(2)), chat(message_id="now"))
    assert messages_in(world, threads(world)["101"]) == ["late"]
    assert messages_in(world, threads(world)["201"]) == ["now"]


def test_an_end_that_is_heard_first_is_kept_for_its_booking() -> None:
    world = a_world()
    booking = confirmed("101", at=NOW - days(9))
    handle(world, cancelled(booking, NOW - days(1)), confirmed("201", at=NOW - days(10)))
    assert not threads(world)
    handle(world, booking, chat())
    assert list(threads(world)) == ["201"]
