"""Which booking fits a day, whom a contact stands for, which thread a message goes to: without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.conversations.threads.bookings import Booking, best_booking
from services.conversations.threads.contacts import Contacts, e164, of_guest, of_sender
from services.conversations.threads.rules import Tenant, Thread
from tests.support.builders.conversations import NOW, PHONE, SUBSCRIBER, TODAY, WA_ID, a_booking, days


class TestBestBooking:
    def test_none_of_none(self) -> None:
        assert best_booking([], NOW) is None

    @pytest.mark.parametrize("starts", [-5, -1, 0])
    def test_the_stay_that_contains_today_with_its_ends(self, starts: int) -> None:
        current, newer = a_booking(starts, 5), a_booking(8, created=1, number=2)
        assert best_booking([current, newer], NOW) is current

    def test_of_two_stays_the_one_created_last(self) -> None:
        first, second = a_booking(-1, created=0), a_booking(-3, created=1, number=2)
        assert best_booking([second, first], NOW) is second

    def test_else_the_nearest_whether_over_or_to_come(self) -> None:
        over, coming = a_booking(-8, 5), a_booking(10, created=1, number=2)
        assert best_booking([over, coming], NOW) is over
        assert best_booking([over, a_booking(2, number=3)], NOW) == a_booking(2, number=3)

    def test_of_two_equally_near_the_one_created_last(self) -> None:
        over, coming = a_booking(-8, 5, created=1), a_booking(3, number=2)
        assert best_booking([over, coming], NOW) is over

    @pytest.mark.parametrize(("starts", "inside"), [(30, True), (31, False)])
    def test_the_window_opens_thirty_days_before(self, starts: int, inside: bool) -> None:
        coming, newer = a_booking(starts), a_booking(-100, created=1, number=2)
        assert best_booking([coming, newer], NOW) is (coming if inside else newer)

    @pytest.mark.parametrize(("ended", "inside"), [(7, True), (8, False)])
    def test_the_window_closes_seven_days_after(self, ended: int, inside: bool) -> None:
        over, newer = a_booking(-ended - 5, 5), a_booking(100, created=1, number=2)
        assert best_booking([over, newer], NOW) is (over if inside else newer)

    def test_else_the_one_created_last(self) -> None:
        old, older = a_booking(-200, created=1), a_booking(-100, created=0, number=2)
        assert best_booking([older, old], NOW) is old


bookings = st.builds(
    a_booking, st.integers(-60, 60), st.integers(1, 20), created=st.integers(0, 3), number=st.integers(1, 10**6)
)


@given(st.lists(bookings, min_size=1, max_size=6, unique_by=lambda booking: booking.id), st.randoms())
def test_the_best_does_not_depend_on_the_order(several: list[Booking], chance: object) -> None:
    best = best_booking(several, NOW)
    shuffled = sorted(several, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert best is best_booking(shuffled, NOW)
    assert best
    assert best.contains(TODAY) or not any(booking.contains(TODAY) for booking in several)


class TestContacts:
    def test_a_whatsapp_id_and_a_local_number_are_one_phone(self) -> None:
        assert e164(WA_ID, "SV") == e164("7123-4567", "SV") == e164("+503 7123 4567", "SV") == PHONE

    def test_any_country(self) -> None:
        assert e164("14155552671", "SV") == "+14155552671"
        assert e164("+49 30 901820", "SV") == "+4930901820"

    def test_a_mexican_mobile_is_one_number_on_whatsapp_and_on_paper(self) -> None:
        assert e164("5215512345678", "SV") == e164("+52 55 1234 5678", "SV") == "+525512345678"

    def test_a_subscriber_is_no_phone(self) -> None:
        assert of_sender(SUBSCRIBER, "SV", subscriber=False) == Contacts(subscriber=SUBSCRIBER)
        assert of_sender("1234567890123456", "SV", subscriber=True) == Contacts(subscriber="1234567890123456")

    def test_what_a_guest_gives(self) -> None:
        assert of_guest(WA_ID, None, "7000-0000", "SV", subscriber=False) == Contacts(phone=PHONE)
        assert of_guest(None, SUBSCRIBER, "7123-4567", "SV", subscriber=False) == Contacts(PHONE, SUBSCRIBER)
        assert of_guest(SUBSCRIBER, None, None, "SV", subscriber=False) == Contacts(subscriber=SUBSCRIBER)
        assert of_guest(WA_ID, None, None, "SV", subscriber=True) == Contacts(subscriber=WA_ID)
        assert of_guest(None, None, "nobody", "SV", subscriber=False).main is None

    @given(st.text(max_size=30))
    def test_whatever_comes_a_phone_is_a_phone(self, text: str) -> None:
        number = e164(text, "SV")
        assert number is None or (number.startswith("+") and number[1:].isdigit())


class TestThreads:
    def a_thread(self, began: int, **given: object) -> Thread:
        return Thread(PHONE, "Ana", {}, NOW + days(began), NOW, **given)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("began", "starts", "adopted"),
        [
            (-40, -8, False),
            (-38, -8, True),
            (-2, 90, True),
            (-3, 90, True),
            (-4, 90, False),
            (-4, 26, True),
            (-4, 27, False),
        ],
    )
    def test_a_thread_near_the_stay_or_just_begun_is_adopted(self, began: int, starts: int, adopted: bool) -> None:
        tenant = Tenant(PHONE, threads=[thread := self.a_thread(began)])
        booking = a_booking(starts, 5)
        assert tenant.add_booking(booking, NOW) == ([thread] if adopted else [])
        assert thread.apartment == (booking.apartments[0] if adopted else None)

    def test_the_window_is_counted_in_the_propertys_days(self) -> None:
        # At two in the morning in UTC it is still the day before in El Salvador, outside of the window.
        thread = Thread(PHONE, "Ana", {}, NOW.replace(day=18, hour=2), NOW)
        booking = a_booking(-1, 0)
        assert booking.may_concern(booking.day_of(thread.first_message_at)) is False
        thread.first_message_at = NOW.replace(day=17, hour=2)
        assert booking.may_concern(booking.day_of(thread.first_message_at)) is True

    def test_a_thread_is_called_after_tenant_and_apartment(self) -> None:
        tenant = Tenant(PHONE)
        thread = tenant.receive("Anita", NOW, NOW)
        assert thread.name == "Anita"
        tenant.add_booking(a_booking(), NOW)
        assert thread.name == "Ana López · Posada del Mar 101"

    def test_where_the_apartment_has_a_thread_the_one_without_is_closed(self) -> None:
        booking = a_booking()
        there = self.a_thread(-1, apartment=booking.apartments[0], booking_id=a_booking(number=9).id)
        without = self.a_thread(-1)
        tenant = Tenant(PHONE, threads=[there, without])
        assert set(map(id, tenant.add_booking(booking, NOW))) == {id(there), id(without)}
        assert (without.apartment, without.closed_at, there.closed_at) == (None, NOW, None)
