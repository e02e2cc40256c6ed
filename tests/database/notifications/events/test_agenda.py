"""Reminders: at the right hour of the right day, following changes, gone with the booking, and never at night."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.consumers import routes
from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.model import WINDOW, Channel, Content, Event, Form, Template
from services.notifications.events.schedule import (
    QuietHours,
    arrival_reminder,
    at,
    departure_reminder,
    feedback_request,
    zone_of,
)
from services.notifications.properties import PropertyDirectory, PropertySettings
from services.notifications.repository import Repository
from shared.consumer.processor import Processor
from shared.contracts.booking import BookingConfirmed
from shared.contracts.booking.lifecycle import (
    BookingCancelled,
    BookingModified,
    GuestCheckedIn,
    GuestCheckedOut,
    GuestNotShown,
    NextSessionDue,
    PaymentEscalated,
)
from shared.contracts.conversations import GuestWrote
from shared.contracts.notifications import StaffAlerted
from shared.database.pool import Database
from shared.messages.message import Message
from shared.outbox.publisher import OutboxPublisher
from tests.support.builders.notifications import (
    CHAT,
    NOW,
    TEMPLATES,
    a_composer,
    a_delivery,
    a_room,
    confirmed,
    outcome,
    record,
)
from tests.support.doubles.senders import MovableClock
from tests.support.doubles.transport import PostOffice, process_records, record_of_row

ZONE = "America/El_Salvador"
IN_TWO_WEEKS, NEXT_DAY = date(2026, 3, 15), date(2026, 3, 17)
ZONES = st.sampled_from([ZONE, "Europe/Madrid", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
HOURS = st.times(min_value=time(6), max_value=time(23, 30))
YEAR = datetime(2026, 1, 1), datetime(2027, 1, 1)  # noqa: DTZ001 — hypothesis adds the zone
DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31))


class TestMoments:
    @given(DAYS, HOURS, ZONES)
    def test_a_reminder_comes_24_to_48_hours_before_arrival(self, day: date, hour: time, zone: str) -> None:
        ahead = at(day, hour, zone) - arrival_reminder(day, hour, zone)
        assert timedelta(hours=24) <= ahead <= timedelta(hours=48)

    @given(DAYS, ZONES)
    def test_departure_on_its_day_and_feedback_on_the_next(self, day: date, zone: str) -> None:
        local = zone_of(zone)
        assert departure_reminder(day, time(12), zone).astimezone(local).date() == day
        assert feedback_request(day, zone).astimezone(local).date() == day + timedelta(days=1)

    @given(st.datetimes(timezones=st.just(UTC), min_value=YEAR[0], max_value=YEAR[1]), st.times(), st.times(), ZONES)
    def test_what_waits_for_the_end_of_quiet_hours_comes_within_a_day_and_outside_them(
        self, moment: datetime, start: time, end: time, zone: str
    ) -> None:
        quiet = QuietHours(start, end)
        later = quiet.over(moment, zone)
        assert timedelta() <= later - moment <= timedelta(hours=25)
        if start == end:
            assert later == moment

    def test_the_night_goes_over_midnight(self) -> None:
        quiet = QuietHours(time(21), time(8))
        evening, night, noon = (at(date(2026, 3, 1), hour, ZONE) for hour in (time(22), time(3), time(12)))
        assert quiet.over(evening, ZONE) == at(date(2026, 3, 2), time(8), ZONE)
        assert quiet.over(night, ZONE) == at(date(2026, 3, 1), time(8), ZONE)
        assert quiet.over(noon, ZONE) == noon

    def test_a_zone_that_nobody_knows_is_utc(self) -> None:
        assert zone_of("Mars/Olympus").key == zone_of("../etc/passwd").key == "UTC"


class Service:
    """The shell with its outbox, and time that a test lets pass."""

    def __init__(self, database: Database, post_office: PostOffice, composer: NotificationComposer) -> None:
        self.clock = MovableClock()
        self.database = database
        self.post_office = post_office
        self.relay = OutboxPublisher(post_office, database, clock=self.clock)
        self.repository = Repository(composer)
        self.consumer = Processor(routes(self.repository), database, self.relay, clock=self.clock, retry_pauses=())

    async def hear(self, *messages: Message) -> None:
        await process_records(self.consumer, [record(message) for message in messages])

    async def until(self, moment: datetime) -> None:
        """Let time pass, hour by hour, with everything in the outbox that falls due."""
        while self.clock.now < moment:
            self.clock.now = min(moment, self.clock.now + timedelta(hours=1))
            await self.relay.sweep()
            rows = [row for row in self.post_office.taken() if row.topic.endswith("notifications.internal")]
            await process_records(self.consumer, [record_of_row(row) for row in rows])

    async def told(self) -> list[str]:
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT occasion FROM deliveries WHERE channel = 'email' AND status <> 'withdrawn' ORDER BY number"
            )
        return [row["occasion"] for row in rows]


@pytest.fixture
def service(database: Database, post_office: PostOffice) -> Service:
    return Service(database, post_office, a_composer())


def booked(**given: Any) -> BookingConfirmed:
    return confirmed(**({"check_in": IN_TWO_WEEKS, "check_out": NEXT_DAY} | given))


def life(kind: type[Message], booking: BookingConfirmed, **given: Any) -> Any:
    base = booking.model_dump() | {"reservation_codes": ("HR26181",), "at": booking.at + timedelta(days=1)}
    return kind.model_validate(base | given)


def moved(booking: BookingConfirmed, day: date, revision: int = 1, **given: Any) -> BookingModified:
    return life(
        BookingModified,
        booking,
        check_in=day,
        check_out=day + timedelta(days=2),
        revision=revision,
        at=booking.at + timedelta(hours=revision),
        **given,
    )


AFTER_ALL = datetime(2026, 4, 5, tzinfo=NOW.tzinfo)
ALL = ["arrival_reminder:2026-03-15", "departure_reminder:2026-03-17", "feedback"]


async def test_a_stay_is_reminded_of_three_times(service: Service) -> None:
    await service.hear(booked())
    await service.until(at(date(2026, 3, 14), time(9, 59), ZONE))
    assert await service.told() == ["confirmed"]
    await service.until(at(date(2026, 3, 14), time(11, 30), ZONE))
    assert await service.told() == ["confirmed", ALL[0]]
    await service.until(AFTER_ALL)
    assert await service.told() == ["confirmed", *ALL]


async def test_the_propertys_own_hour_of_arrival_counts_and_is_told(service: Service) -> None:
    booking = booked()
    early = booking.property.model_copy(update={"check_in_time": time(9)})
    await service.hear(booking.model_copy(update={"property": early}))
    await service.until(at(date(2026, 3, 13), time(11), ZONE))  # tomorrow at ten would leave less than a day
    assert await service.told() == ["confirmed", ALL[0]]
    async with service.database.connection() as connection:
        texts = await connection.fetch("SELECT text FROM deliveries WHERE channel = 'email'")
    assert all("9:00" in row["text"] for row in texts)


async def test_reminders_follow_a_change_of_dates(service: Service) -> None:
    booking = booked()
    await service.hear(booking)
    await service.hear(moved(booking, date(2026, 3, 25)))
    await service.until(AFTER_ALL)
    wanted = ["arrival_reminder:2026-03-25", "departure_reminder:2026-03-27", "feedback"]
    assert await service.told() == ["confirmed", "modified:1", *wanted]


async def test_there_and_back_again_is_reminded_of_once(service: Service) -> None:
    booking = booked()
    back = moved(booking, IN_TWO_WEEKS, 2)
    await service.hear(booking, moved(booking, date(2026, 3, 25)), back, back)
    await service.until(AFTER_ALL)
    assert await service.told() == ["confirmed", "modified:1", "modified:2", *ALL]


async def test_an_older_change_that_comes_late_changes_no_plan(service: Service) -> None:
    booking = booked()
    await service.hear(booking, moved(booking, IN_TWO_WEEKS, 2), moved(booking, date(2026, 3, 25), 1))
    await service.until(AFTER_ALL)
    assert (await service.told())[-3:] == ALL


@pytest.mark.parametrize("end", [BookingCancelled, GuestNotShown])
async def test_nothing_is_reminded_of_that_does_not_take_place(service: Service, end: type[Message]) -> None:
    booking = booked()
    over = life(end, booking, fee=Decimal(0), refund=Decimal("258.75"), currency="USD")
    await service.hear(booking, over)
    await service.until(AFTER_ALL)
    assert set(await service.told()) <= {"confirmed", "cancelled"}


async def test_a_cancellation_that_overtakes_its_confirmation_still_ends_it(service: Service) -> None:
    booking = booked()
    await service.hear(life(BookingCancelled, booking, fee=Decimal(0), refund=Decimal(0), currency="USD"))
    await service.hear(booking)
    await service.until(AFTER_ALL)
    assert await service.told() == ["cancelled"]


async def test_who_left_early_is_asked_the_day_after_and_not_told_to_leave(service: Service) -> None:
    booking = booked()
    here = life(GuestCheckedIn, booking, at=at(IN_TWO_WEEKS, time(15), ZONE))
    gone = life(GuestCheckedOut, booking, left_on=date(2026, 3, 16), at=at(date(2026, 3, 16), time(9), ZONE))
    await service.hear(booking)
    await service.until(here.at)
    await service.hear(here)
    await service.until(gone.at)
    await service.hear(gone)
    await service.until(AFTER_ALL)
    occasions = [one.partition(":")[0] for one in await service.told()]
    assert occasions == ["confirmed", "arrival_reminder", "check_in", "check_out", "feedback"]
    assert (await service.told())[-1] == "feedback"


async def test_who_arrives_today_needs_no_reminder_of_it(service: Service) -> None:
    await service.hear(booked(check_in=date(2026, 3, 1), check_out=date(2026, 3, 3)))
    await service.until(AFTER_ALL)
    assert await service.told() == ["confirmed", "departure_reminder:2026-03-03", "feedback"]


async def test_a_service_that_slept_too_long_reminds_of_nothing_past(service: Service) -> None:
    await service.hear(booked())
    service.clock.now = AFTER_ALL
    await service.until(AFTER_ALL + timedelta(hours=3))
    assert await service.told() == ["confirmed"]


async def test_a_reminder_that_waits_for_the_morning_is_withdrawn_with_the_booking(
    database: Database, post_office: PostOffice
) -> None:
    settings = PropertySettings(quiet_from=time(9), quiet_until=time(20))
    composer = NotificationComposer(
        TEMPLATES,
        "SV",
        CHAT | {Event.ARRIVAL_REMINDER},
        (),
        None,
        a_composer().staff_language,
        PropertyDirectory({"mar": settings}),
    )
    service = Service(database, post_office, composer)
    booking = booked()
    await service.hear(booking)
    await service.until(at(date(2026, 3, 14), time(11), ZONE))
    async with database.connection() as connection:
        due = await connection.fetchval("SELECT due_at FROM deliveries WHERE channel = 'whatsapp' AND NOT urgent")
        email = await connection.fetchval("SELECT due_at FROM deliveries WHERE channel = 'email' AND NOT urgent")
    assert due == at(date(2026, 3, 14), time(20), ZONE)
    assert email < due  # it wakes nobody
    await service.hear(life(BookingCancelled, booking, fee=Decimal(0), refund=Decimal(0), currency="USD"))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM deliveries WHERE NOT urgent AND status = 'pending'") == 0


async def test_what_else_is_told(service: Service) -> None:
    session = NextSessionDue.model_validate(
        outcome(group_id="g1", service="Fisioterapia", completed=1, number=2, sessions=8, booked=1, remaining=7)
    )
    await service.hear(session, session, PaymentEscalated.model_validate(outcome()))
    assert sorted(await service.told()) == ["next_session:g1:2", "payment_escalated"]


async def test_staff_are_rung_up_only_where_it_cannot_wait() -> None:
    composer = NotificationComposer(
        TEMPLATES,
        "SV",
        CHAT,
        (),
        "desk@example.com",
        a_composer().staff_language,
        staff_phone="+50322220000",
        calls=frozenset({"payment_escalated"}),
    )
    urgent, other = (
        composer.to_staff(StaffAlerted(booking_id=uuid4(), code=code, text="El pago no aparece."))
        for code in ("payment_escalated", "saga_stuck")
    )
    assert [(one.channel, one.recipient) for one in urgent] == [
        (Channel.EMAIL, "desk@example.com"),
        (Channel.VOICE, "50322220000"),
    ]
    assert "El pago no aparece." in urgent[1].content.text
    assert [one.channel for one in other] == [Channel.EMAIL]


class TestWindow:
    TEMPLATE = Template("confirmed_es", "es", (("guest", "Ana"),))

    @pytest.mark.parametrize(
        ("since", "wanted"),
        [
            (None, Form.TEMPLATE),
            (timedelta(), Form.FREE),
            (WINDOW - timedelta(minutes=2), Form.FREE),
            (WINDOW - timedelta(seconds=30), Form.TEMPLATE),
            (WINDOW, Form.TEMPLATE),
        ],
    )
    def test_the_last_message_of_the_guest_decides(self, since: timedelta | None, wanted: Form) -> None:
        delivery = a_delivery(content=Content("hola", template=self.TEMPLATE))
        heard = None if since is None else NOW - since
        assert delivery.in_form(heard, NOW).form is wanted

    def test_without_an_approved_template_there_is_no_choice(self) -> None:
        assert a_delivery().in_form(None, NOW).form is Form.FREE

    @pytest.mark.parametrize(
        ("contact", "wanted"),
        [("+503 7123-4567", Form.FREE), ("50371234567", Form.FREE), ("50370000000", Form.TEMPLATE)],
    )
    async def test_a_message_of_the_guest_opens_it(
        self, database: Database, post_office: PostOffice, contact: str, wanted: Form
    ) -> None:
        approved = {"confirmed.es": "posada_confirmed_es"}
        composer = NotificationComposer(TEMPLATES, "SV", CHAT, (), None, a_composer().staff_language, approved=approved)
        service = Service(database, post_office, composer)
        wrote = GuestWrote(contact=contact, channel="whatsapp", at=NOW - timedelta(hours=3))
        await service.hear(wrote, confirmed(a_room(1), a_room(2)))
        async with database.transaction() as connection:
            (claimed,) = await service.repository.claim(connection, {Channel.WHATSAPP: 5}, NOW, timedelta(minutes=1))
        delivery = claimed.delivery.in_form(claimed.heard_at, NOW)
        assert delivery.form is wanted
        assert delivery.content.template
        assert dict(delivery.content.template.parameters)["codes"] == "HR26181, HR26182 (2 habitaciones)"
