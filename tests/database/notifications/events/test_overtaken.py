"""What a newer event has overtaken is not told any more, in whatever order they come and however far it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.notifications.content.composer import NotificationComposer
from services.notifications.delivery.model import Channel, Event, Form, Outcome, Status
from services.notifications.events.schedule import at
from services.notifications.events.superseding import supersedes
from services.notifications.properties import PropertyDirectory, PropertySettings
from services.notifications.providers.report import Report, ReportStatus
from shared.contracts.booking import BookingConfirmed
from shared.contracts.booking.lifecycle import (
    BookingCancelled,
    CancellationDecided,
    GuestCheckedIn,
    PaymentEscalated,
)
from shared.contracts.notifications import GuestNotified, StaffAlerted
from shared.database.pool import Database
from shared.messages.message import Message
from tests.database.notifications.events.test_agenda import ZONE, Service, booked, life, moved
from tests.support.builders.notifications import CHAT, NOW, TEMPLATES, a_composer, confirmed, failed, payment_search
from tests.support.doubles.transport import PostOffice

LEASE = timedelta(minutes=1)
NIGHT = PropertySettings(quiet_from=time(9), quiet_until=time(20))
FEE: dict[str, Any] = {"fee": Decimal(0), "refund": Decimal(0), "currency": "USD"}


def a_house(**given: Any) -> NotificationComposer:
    """Providers for every channel, and reminders that wait for the evening."""
    events = CHAT | {Event.ARRIVAL_REMINDER}
    return NotificationComposer(
        TEMPLATES, "SV", events, (), None, a_composer().staff_language, PropertyDirectory({"mar": NIGHT}), **given
    )


@pytest.fixture
def service(database: Database, post_office: PostOffice) -> Service:
    return Service(database, post_office, a_house())


def cancelled(booking: BookingConfirmed) -> BookingCancelled:
    gone: BookingCancelled = life(BookingCancelled, booking, **FEE)
    return gone


async def statuses(service: Service) -> Mapping[str, set[str]]:
    """What became of the messages of each occasion."""
    async with service.database.connection() as connection:
        rows = await connection.fetch("SELECT occasion, status FROM deliveries WHERE audience = 'guest'")
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["occasion"].partition(":")[0], set()).add(row["status"])
    return found


@pytest.mark.parametrize(
    ("newer", "older", "wanted"),
    [
        ("cancelled", "confirmed", True),
        ("confirmed", "cancelled", False),
        ("modified:2", "modified:1", True),
        ("modified:1", "modified:2", False),
        ("modified:10", "modified:9", True),
        ("modified:1", "confirmed", True),
        ("confirmed", "payment_search:2", True),
        ("failed", "payment_escalated", True),
        ("payment_escalated", "payment_search:1", True),
        ("payment_search:2", "payment_search:1", True),
        ("payment_search:1", "payment_escalated", False),
        ("check_in:0a1b", "arrival_reminder:2026-03-15", True),
        ("check_in:0a1b", "check_in:0a1b", False),
        ("check_in:0a1b", "departure_reminder:2026-03-15", False),
        ("staff_alert:saga_stuck:1", "confirmed", False),
    ],
)
def test_what_overtakes_what(newer: str, older: str, wanted: bool) -> None:
    assert supersedes(newer, older) is wanted


async def test_a_confirmation_that_waits_for_its_provider_is_withdrawn_with_the_booking(service: Service) -> None:
    booking = booked()
    await service.hear(booking)
    await service.hear(cancelled(booking))
    assert await statuses(service) == {"confirmed": {"withdrawn"}, "cancelled": {"pending", "standby"}}


async def test_so_it_is_when_both_come_at_once_or_the_other_way_round(service: Service) -> None:
    one, other = booked(), booked()
    await service.hear(one, cancelled(one))
    await service.hear(cancelled(other))
    await service.hear(other)
    assert await statuses(service) == {"confirmed": {"withdrawn"}, "cancelled": {"pending", "standby"}}
    answers = [message for message in service.post_office.messages if not isinstance(message, StaffAlerted)]
    assert {answer.booking_id for answer in answers if isinstance(answer, GuestNotified)} == {
        one.booking_id,
        other.booking_id,
    }
    assert not [message for message in service.post_office.messages if isinstance(message, StaffAlerted)]


@pytest.mark.parametrize(
    ("status", "wanted"), [(Status.SENT, "sent"), (Status.PENDING, "withdrawn"), (Status.FAILED, "withdrawn")]
)
async def test_what_is_under_way_is_tried_no_more_and_counts_as_sent_if_it_was(
    service: Service, status: Status, wanted: str
) -> None:
    booking = booked()
    await service.hear(booking)
    slots = {Channel.EMAIL: 1, Channel.WHATSAPP: 1}
    async with service.database.transaction() as connection:
        claimed = await service.repository.claim(connection, slots, NOW, LEASE)
    assert len(claimed) == 2
    await service.hear(cancelled(booking))
    assert (await statuses(service))["confirmed"] == {"withdrawn"}
    outcomes = [Outcome(one, status, "wati", "id-1", due_at=NOW + LEASE) for one in claimed]
    async with service.database.transaction() as connection:
        assert await service.repository.record(connection, outcomes, NOW) == []
        later = await service.repository.claim(connection, {Channel.SMS: 5, **slots}, NOW + 2 * LEASE, LEASE)
    assert {one.delivery.occasion for one in later} <= {"cancelled"}
    assert (await statuses(service))["confirmed"] == {wanted, "withdrawn"}  # SMS stood by


async def test_a_window_that_was_closed_brings_nothing_overtaken_back(
    database: Database, post_office: PostOffice
) -> None:
    service = Service(database, post_office, a_house(approved={"confirmed.es": "posada_confirmed_es"}))
    booking = booked()
    await service.hear(booking)
    async with database.transaction() as connection:
        (claimed,) = await service.repository.claim(connection, {Channel.WHATSAPP: 1}, NOW, LEASE)
        await service.repository.record(connection, [Outcome(claimed, Status.SENT, "wati", "id-1")], NOW)
    await service.hear(cancelled(booking))
    async with database.transaction() as connection:
        report = Report("wati", "id-1", ReportStatus.WINDOW_CLOSED, NOW)
        await service.repository.take_reports(connection, [report], NOW)
        await service.repository.apply_reports(connection, NOW)
    assert (await statuses(service))["confirmed"] == {"withdrawn"}
    assert claimed.delivery.form is Form.FREE


async def test_a_later_change_overtakes_what_waits_and_an_older_one_says_nothing(service: Service) -> None:
    booking = booked()
    await service.hear(booking, moved(booking, date(2026, 3, 25)))
    assert await statuses(service) == {"confirmed": {"withdrawn"}, "modified": {"pending", "standby"}}
    await service.hear(moved(booking, date(2026, 3, 28), 3))
    await service.hear(moved(booking, date(2026, 3, 26), 2))
    async with service.database.connection() as connection:
        rows = await connection.fetch("SELECT DISTINCT occasion FROM deliveries WHERE status = 'pending'")
    assert [row["occasion"] for row in rows] == ["modified:3"]


@pytest.mark.parametrize("outcome", [confirmed, failed])
async def test_nobody_hears_of_a_search_behind_its_outcome(service: Service, outcome: Any) -> None:
    end = outcome()
    search = payment_search(booking_id=end.booking_id)
    await service.hear(search)
    await service.hear(PaymentEscalated.model_validate(search.model_dump()))
    await service.hear(end)
    await service.hear(payment_search(2, booking_id=end.booking_id))
    found = await statuses(service)
    assert (found["payment_search"], found["payment_escalated"]) == ({"withdrawn"}, {"withdrawn"})


async def test_who_has_arrived_is_not_reminded_to_come(service: Service) -> None:
    booking = booked()
    await service.hear(booking)
    await service.until(at(date(2026, 3, 14), time(11), ZONE))
    assert "pending" in (await statuses(service))["arrival_reminder"]
    await service.hear(life(GuestCheckedIn, booking, at=service.clock.now))
    assert (await statuses(service))["arrival_reminder"] == {"withdrawn"}


async def test_while_a_cancellation_waits_for_payments_nobody_is_reminded(service: Service) -> None:
    booking = booked()
    await service.hear(booking)
    await service.hear(life(CancellationDecided, booking))
    assert await statuses(service) == {"confirmed": {"withdrawn"}}
    await service.until(at(date(2026, 4, 5), time(9), ZONE))
    await service.hear(cancelled(booking))
    assert await statuses(service) == {"confirmed": {"withdrawn"}, "cancelled": {"pending", "standby"}}


async def test_a_decision_that_overtakes_its_confirmation_ends_it_too(service: Service) -> None:
    booking = booked()
    message: Message = life(CancellationDecided, booking)
    await service.hear(message)
    await service.hear(booking)
    await service.until(at(date(2026, 4, 5), time(9), ZONE))
    assert await statuses(service) == {"confirmed": {"withdrawn"}}
