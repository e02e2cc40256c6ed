"""The stages in which money is looked for again: the schedule is the table, and settings are the table."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from services.payments.requests.retries import Attempt, Schedule, Stage, first_attempt, next_attempt, stage_ends_at
from services.payments.settings import Settings
from shared.contracts.common import PaymentMethod
from tests.support.builders.payments import NOW

schedules = some.lists(
    some.builds(Stage, some.integers(0, 5), some.integers(1, 3600).map(lambda seconds: timedelta(seconds=seconds))),
    max_size=4,
).map(tuple)


def all_attempts(schedule: Schedule) -> list[Attempt]:
    attempts: list[Attempt] = []
    upcoming = first_attempt(schedule, NOW)
    while upcoming:
        attempts.append(upcoming)
        upcoming = next_attempt(schedule, upcoming, upcoming.at)
    return attempts


@given(schedules)
def test_attempts_are_the_table(schedule: Schedule) -> None:
    moment: datetime = NOW
    expected: list[Attempt] = []
    for number, stage in enumerate(schedule, 1):
        for attempt in range(1, stage.attempts + 1):
            moment += stage.every
            expected.append(Attempt(number, attempt, moment))
    assert all_attempts(schedule) == expected


@given(schedules)
def test_a_stage_ends_when_its_last_attempt_is_due(schedule: Schedule) -> None:
    attempts = all_attempts(schedule)
    for attempt in attempts:
        last = [other for other in attempts if other.stage == attempt.stage][-1]
        assert stage_ends_at(schedule, attempt) == last.at


def test_a_late_attempt_is_not_made_up_for() -> None:
    schedule = (Stage(6, timedelta(minutes=5)),)
    late = NOW + timedelta(hours=3)
    assert next_attempt(schedule, Attempt(1, 1, NOW), late) == Attempt(1, 2, late + timedelta(minutes=5))


def test_settings_are_the_table_of_the_reference_property(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSADA_RETRY_INTERVALS", raising=False)
    terms = Settings().terms()
    five, quarter, hour = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)
    assert terms.usual.schedule(PaymentMethod.BANK_TRANSFER) == (Stage(6, five), Stage(4, quarter), Stage(6, hour))
    assert terms.usual.schedule(PaymentMethod.CARD_LINK) == (Stage(6, five), Stage(4, quarter))
    assert terms.tolerance_days == 3


@pytest.mark.parametrize(
    ("intervals", "bank", "card"),
    [
        ("[1, 2, 3]", (1, 2, 3), (1, 2)),
        ('{"bank_transfer": [1, 2, 3], "card_link": [0.5, 4]}', (1, 2, 3), (0.5, 4)),
    ],
)
def test_a_demo_counts_in_seconds(
    intervals: str, bank: tuple[float, ...], card: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSADA_RETRY_INTERVALS", intervals)
    terms = Settings().terms()
    for method, seconds in ((PaymentMethod.BANK_TRANSFER, bank), (PaymentMethod.CARD_LINK, card)):
        assert tuple(stage.every.total_seconds() for stage in terms.usual.schedule(method)) == seconds


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("RETRY_INTERVALS", "[1, 2]", "one for each stage"),
        ("RETRY_INTERVALS", "[1, 0, 3]", "greater than 0"),
        ("RETRY_ATTEMPTS", '{"cowrie_shells": [1]}', "bank_transfer"),
        ("TIMEZONE", "Moon/Tranquility", "timezone"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_the_start(
    name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"POSADA_{name}", value)
    with pytest.raises(ValidationError, match=remedy):
        Settings()
