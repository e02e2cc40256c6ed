"""Single rules on facts given by hand: what is under way is no finding, and what stands still is one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.invariant import AuditTime
from posada.audit.rules.rooms import within_capacity
from posada.audit.rules.sagas import OVERDUE, change_in_time, saga_in_time
from services.booking.requests.saga.messages import ORDER_PATIENCE

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
WHEN = AuditTime(NOW)
HOURS_AGO = NOW - timedelta(hours=5)
SOON = NOW + timedelta(minutes=1)
BOOKING = UUID(int=7)


def snapshot(*, changing: bool = False, **saga: Any) -> BookingSnapshot:
    """A booking with the saga that made it, begun hours ago."""
    facts = {"phase": "running", "wake_at": SOON, "started_at": HOURS_AGO, "updated_at": NOW, "decided_at": None}
    return BookingSnapshot(BOOKING, {"changing": changing}, facts | {"pending": "[]"} | saga)


def change(**saga: Any) -> dict[str, Any]:
    """A cancellation under way."""
    facts = {"booking_id": BOOKING, "name": "ending", "phase": "finishing", "wake_at": SOON, "started_at": NOW}
    return facts | saga


class TestSagaInTime:
    def test_one_that_ended_is_in_time_while_its_booking_changes(self) -> None:
        ended = snapshot(changing=True, phase="ended", wake_at=None, decided_at=HOURS_AGO)
        assert list(saga_in_time(ended, WHEN)) == []

    def test_the_step_after_a_long_search_for_money_has_its_own_time(self) -> None:
        most = WHEN.patience + ORDER_PATIENCE
        assert list(saga_in_time(snapshot(updated_at=NOW - most), WHEN)) == []
        (found,) = saga_in_time(snapshot(updated_at=NOW - most - timedelta(seconds=1)), WHEN)
        assert "waits for an answer" in found

    @pytest.mark.parametrize("phase", ["undoing", "finishing"])
    def test_one_that_is_repeated_for_ever_is_named_although_each_repetition_writes_it(self, phase: str) -> None:
        repeated = snapshot(phase=phase, decided_at=HOURS_AGO, updated_at=NOW, pending='["release rooms"]')
        (found,) = saga_in_time(repeated, WHEN)
        assert "waits for release rooms" in found

    def test_one_that_nothing_wakes_is_named(self) -> None:
        assert list(saga_in_time(snapshot(wake_at=None), WHEN)) == ["its saga is running, and nothing will wake it"]


class TestChangeInTime:
    @pytest.mark.parametrize("patience", [timedelta(seconds=30), timedelta(hours=2)])
    def test_it_may_take_as_long_as_the_terms_say(self, patience: timedelta) -> None:
        when = AuditTime(NOW, patience)
        assert change_in_time(change(started_at=NOW - patience), when) is None
        found = change_in_time(change(started_at=NOW - patience - timedelta(seconds=1)), when)
        assert found is not None
        assert found[0] == BOOKING
        assert "its ending is finishing since" in found[1]

    def test_it_is_named_when_nothing_wakes_it(self) -> None:
        assert change_in_time(change(wake_at=NOW - OVERDUE), WHEN) is None
        for wake_at in (None, NOW - OVERDUE - timedelta(seconds=1)):
            assert change_in_time(change(wake_at=wake_at), WHEN) is not None


class TestWithinCapacity:
    @pytest.mark.parametrize(
        ("night", "timezone", "named"),
        [
            (date(2026, 3, 9), "UTC", False),
            (date(2026, 3, 10), "UTC", True),
            (date(2026, 3, 11), "UTC", True),
            (date(2026, 3, 10), "Pacific/Kiritimati", False),  # there it is the eleventh already
            (date(2026, 3, 9), "Pacific/Pago_Pago", False),
        ],
    )
    def test_nights_that_have_passed_at_the_property_are_none_of_its_business(
        self, night: date, timezone: str, named: bool
    ) -> None:
        row = {"property_id": "p", "type_key": None, "night": night, "sold": 1, "capacity": 0, "timezone": timezone}
        assert (within_capacity(row, WHEN) is not None) == named
