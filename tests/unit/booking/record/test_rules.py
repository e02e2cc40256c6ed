"""The table of a booking's states, what a cancellation costs, and what may be done with stays: plain calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.record.audit_log import changes_between
from services.booking.record.booking import Booking, Stay
from services.booking.record.cancellation_fee import CancellationTerms, Rule, check_in_moment, fee_of, named_fee
from services.booking.record.checks import check_came_late, check_may_change
from services.booking.record.states import (
    FOLLOWS,
    STAY_FOLLOWS,
    Status,
    StayStatus,
    check_follows,
    check_stay_follows,
)
from services.booking.record.texts import policy_text
from shared.contracts.common import Language
from shared.errors import Refusal

BOOKING = uuid4()
NOON = datetime(2026, 3, 15, 18, tzinfo=UTC)
ZONE = "America/El_Salvador"  # six hours behind UTC, all year
ARRIVES = time(15)
TOTAL, FIRST = Decimal("690.00"), Decimal("230.00")
# Page 7 of the specification, written down a second time.
PAGE = {
    "HOLD": "PENDING CONFIRMED CANCELLED FAILED",
    "PENDING": "CONFIRMED REJECTED CANCELLED FAILED",
    "CONFIRMED": "CHECKED_IN NO_SHOW CANCELLED COMPLETED",
    "CHECKED_IN": "CHECKED_OUT",
    "CHECKED_OUT": "COMPLETED",
}


def stay(line: int = 1, status: StayStatus = StayStatus.CONFIRMED, **more: object) -> Stay:
    facts = Stay(
        code=f"HR{line}",
        booking_id=BOOKING,
        line=line,
        status=status,
        room=str(17 + line),
        room_type="junior",
        type_label="Junior",
        adults=2,
        children_0_to_5=0,
        children_6_to_10=0,
        extra_beds=0,
        amount=Decimal("230.00"),
    )
    return replace(facts, **more)  # type: ignore[arg-type]


def booking(*stays: Stay, **more: object) -> Booking:
    facts = Booking(
        id=BOOKING,
        request_id="r1",
        property_id="las-hojas",
        source="CHAT",
        guest_name="Ana",
        guest_email="ana@example.com",
        number_of_rooms=3,
        created_at=NOON,
        status=Status.CONFIRMED,
        check_in=date(2026, 3, 15),
        check_out=date(2026, 3, 17),
        package="Las Hojas",
        total=TOTAL,
        currency="USD",
        paid=TOTAL,
        stays=stays or (stay(1), stay(2), stay(3)),
    )
    return replace(facts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("now", "then"), list(product(Status, Status)))
def test_a_booking_goes_where_the_page_says_and_nowhere_else(now: Status, then: Status) -> None:
    if then in PAGE.get(now, "").split():
        check_follows(now, then)
        return
    with pytest.raises(Refusal, match=f"{now} cannot become {then}") as refused:
        check_follows(now, then)
    assert refused.value.code == "illegal_transition"
    assert refused.value.details["allowed"] == sorted(PAGE.get(now, "").split())


@pytest.mark.parametrize(("now", "then"), list(product(StayStatus, StayStatus)))
def test_a_stay_has_its_own_table(now: StayStatus, then: StayStatus) -> None:
    if then in STAY_FOLLOWS.get(now, ()):
        check_stay_follows("HR1", now, then)
        return
    with pytest.raises(Refusal, match="stay HR1: "):
        check_stay_follows("HR1", now, then)


def test_every_state_is_on_the_way_from_the_first() -> None:
    reached, edge = {Status.HOLD}, {Status.HOLD}
    while edge := {then for now in edge for then in FOLLOWS.get(now, ())} - reached:
        reached |= edge
    assert reached == set(Status)


STANDARD = CancellationTerms("standard", free_hours=72, first_night=True)


def fee_at(
    hours: float, terms: CancellationTerms | None = STANDARD, total: Decimal = TOTAL, first: Decimal = FIRST
) -> Decimal:
    """The fee so many hours before check-in."""
    arrival = check_in_moment(date(2026, 3, 15), ARRIVES, ZONE)
    return fee_of(terms, total, first, arrival, arrival - timedelta(hours=hours)).fee


def test_free_up_to_the_hour_and_the_first_night_after_it() -> None:
    assert fee_at(72) == 0
    assert fee_at(72.001) == 0
    assert fee_at(71.999) == FIRST
    assert fee_at(-5) == FIRST


def test_hours_count_by_the_propertys_own_clocks() -> None:
    arrival = check_in_moment(date(2026, 3, 15), ARRIVES, ZONE)
    assert arrival.astimezone(UTC) == datetime(2026, 3, 15, 21, tzinfo=UTC)
    spring = check_in_moment(date(2026, 3, 29), time(15), "Europe/Madrid")  # the night before has 23 hours
    fee = fee_of(
        CancellationTerms("t", 24, percentage=Decimal(10)), TOTAL, FIRST, spring, datetime(2026, 3, 28, 13, tzinfo=UTC)
    )
    assert fee.fee == 0


def test_a_percentage_is_of_the_total_and_rounded_half_up() -> None:
    terms = CancellationTerms("half", free_hours=24, percentage=Decimal("12.5"))
    assert fee_at(1, terms, Decimal("100.20")) == Decimal("12.53")
    assert fee_at(1, terms).as_tuple().exponent == -2


def test_the_first_night_goes_before_the_percentage_and_is_never_more_than_the_total() -> None:
    both = CancellationTerms("both", free_hours=0, first_night=True, percentage=Decimal(100))
    assert fee_at(-1, both) == FIRST
    assert fee_at(-1, both, Decimal("50.00")) == Decimal("50.00")


def test_a_policy_may_never_be_free_and_a_booking_may_have_none() -> None:
    assert fee_at(5000, CancellationTerms("strict", free_hours=None, percentage=Decimal(100))) == TOTAL
    assert fee_at(-1, None) == 0


@given(
    hours=st.floats(-100, 1000),
    free=st.none() | st.integers(0, 500),
    first_night=st.booleans(),
    percentage=st.decimals(0, 100, places=2),
    total=st.decimals(0, 100_000, places=2),
    first=st.decimals(0, 100_000, places=2),
    paid=st.decimals(0, 100_000, places=2),
)
def test_no_fee_is_above_the_total_and_no_refund_above_what_was_paid(
    *,
    hours: float,
    free: int | None,
    first_night: bool,
    percentage: Decimal,
    total: Decimal,
    first: Decimal,
    paid: Decimal,
) -> None:
    arrival = check_in_moment(date(2026, 3, 15), ARRIVES, ZONE)
    terms = CancellationTerms("any", free, first_night, percentage)
    fee = fee_of(terms, total, first, arrival, arrival - timedelta(hours=hours))
    assert 0 <= fee.fee <= total
    assert 0 <= fee.refund(paid) <= paid
    assert fee.refund(paid) == max(Decimal(0), paid - fee.fee)
    assert fee.refund(paid, Decimal(50)) == max(Decimal(0), paid - fee.fee - 50)
    assert (fee.rule is Rule.FREE) is (free is not None and hours >= free) or fee.fee == 0


def test_the_staff_may_name_a_fee_up_to_the_total() -> None:
    assert named_fee(TOTAL, Decimal(10), Decimal(0), None).rule is Rule.STAFF
    with pytest.raises(Refusal, match="more than the booking costs"):
        named_fee(TOTAL, TOTAL + 1, TOTAL, None)


@pytest.mark.parametrize(
    ("terms", "spanish", "english"),
    [
        (
            STANDARD,
            "Sin cargo hasta 72 horas antes de la llegada; después, la primera noche.",
            "Free of charge until 72 hours before arrival; later, the first night.",
        ),
        (
            CancellationTerms("p", 1, percentage=Decimal("12.50")),
            "Sin cargo hasta 1 hora antes de la llegada; después, 12.5 % del total.",
            "Free of charge until 1 hour before arrival; later, 12.5% of the total.",
        ),
        (
            CancellationTerms("s", None, percentage=Decimal(100)),
            "Por una cancelación se cobra 100 % del total.",
            "A cancellation costs 100% of the total.",
        ),
    ],
)
def test_a_policy_reads_as_a_sentence(terms: CancellationTerms, spanish: str, english: str) -> None:
    assert policy_text(terms, Language.SPANISH) == spanish
    assert policy_text(terms, Language.ENGLISH) == english


def test_a_booking_is_in_with_its_first_stay_and_out_with_its_last() -> None:
    one = booking().checked_in(["HR2"], "Marta", ZONE, NOON)
    assert (one.status, [room.status.value for room in one.stays]) == (
        Status.CHECKED_IN,
        ["CONFIRMED", "CHECKED_IN", "CONFIRMED"],
    )
    assert (one.stays[1].checked_in_by, one.stays[1].checked_in_at) == ("Marta", NOON)
    everybody = one.checked_in([], "Marta", ZONE, NOON)
    first = everybody.checked_out(["HR1"], "Marta", NOON, owing=False)
    assert first.status is Status.CHECKED_IN
    assert first.checked_out([], "Marta", NOON, owing=False).status is Status.CHECKED_OUT


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (datetime(2026, 3, 15, 5, 59, tzinfo=UTC), "too_early"),  # the 14th over there
        (datetime(2026, 3, 17, 6, 0, tzinfo=UTC), "too_late"),
    ],
)
def test_guests_check_in_on_the_days_of_their_stay(at: datetime, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        booking().checked_in([], "Marta", ZONE, at)
    assert refused.value.code == code


def test_a_code_of_another_booking_is_named() -> None:
    with pytest.raises(Refusal, match="HR9 are no stays of this booking; it has HR1, HR2, HR3"):
        booking().checked_in(["HR9", "HR1"], "Marta", ZONE, NOON)


def test_nobody_checks_in_twice_nor_out_before() -> None:
    everybody = booking().checked_in([], "Marta", ZONE, NOON)
    for again in (lambda: everybody.checked_in([], "Marta", ZONE, NOON), lambda: _out(_out(everybody))):
        with pytest.raises(Refusal):
            again()
    with pytest.raises(Refusal, match="CONFIRMED cannot become CHECKED_OUT"):
        _out(booking())


def _out(one: Booking) -> Booking:
    return one.checked_out([], "Marta", NOON, owing=False)


def test_what_is_owed_keeps_the_last_one_from_leaving_unless_a_manager_says_so() -> None:
    owing = replace(booking().checked_in([], "Marta", ZONE, NOON), paid=Decimal("600.00"))
    with pytest.raises(Refusal, match=r"90\.00 USD is still owed"):
        _out(owing)
    assert owing.checked_out(["HR1"], "Marta", NOON, owing=False).status is Status.CHECKED_IN
    assert owing.checked_out([], "Marta", NOON, owing=True).status is Status.CHECKED_OUT


def test_a_no_show_is_one_only_after_check_in_time() -> None:
    with pytest.raises(Refusal, match="2026-03-15T15:00:00-06:00"):
        check_came_late(booking(), ARRIVES, ZONE, datetime(2026, 3, 15, 20, 59, tzinfo=UTC))
    check_came_late(booking(), ARRIVES, ZONE, datetime(2026, 3, 15, 21, 0, tzinfo=UTC))


def test_an_end_costs_its_fee_alone() -> None:
    fee = booking().fee_now(Decimal("100.00"), ARRIVES, ZONE, NOON)
    ended = booking().ended(Status.CANCELLED, fee)
    assert {one.status for one in ended.stays} == {StayStatus.CANCELLED}
    assert (ended.total, ended.fee, ended.balance) == (0, Decimal("100.00"), Decimal("-590.00"))
    with pytest.raises(Refusal):
        ended.ended(Status.NO_SHOW, fee)


def test_single_stays_end_with_a_fee_of_their_own() -> None:
    one, other = stay(1, first_night=Decimal("150.00")), stay(2)
    known = booking(one, other)
    assert known.part(["HR1"]) == [one]
    assert list(known.part([])) == list(known.part(["HR1", "HR2"])) == []
    with pytest.raises(Refusal, match="no stays of this booking"):
        known.part(["HR9"])
    fee = known.fee_now(Decimal("10.00"), ARRIVES, ZONE, NOON, stays=[one])
    after = known.without([one], StayStatus.NO_SHOW, fee)
    assert (after.total, after.fee, after.live) == (known.total - one.amount, Decimal("10.00"), (other,))
    assert after.status is Status.CONFIRMED
    with pytest.raises(Refusal, match="more than the booking costs"):
        known.fee_now(one.amount + 1, ARRIVES, ZONE, NOON, stays=[one])
    for codes in (["HR1"], ["HR1", "HR2"]):  # one that is off already is never all that is left
        with pytest.raises(Refusal, match="cannot become"):
            after.without(after.part(codes), StayStatus.CANCELLED, fee)
    last = after.ended(Status.CANCELLED, after.fee_now(Decimal("5.00"), ARRIVES, ZONE, NOON))
    assert (last.fee, last.total) == (Decimal("15.00"), 0)


def test_the_last_one_leaves_although_another_room_never_came() -> None:
    arrived = booking(stay(1), stay(2)).checked_in(["HR1"], "Marta", ZONE, NOON)
    fee = arrived.fee_now(Decimal("0.00"), ARRIVES, ZONE, NOON, stays=[arrived.stays[1]])
    alone = replace(arrived.without([arrived.stays[1]], StayStatus.NO_SHOW, fee), paid=arrived.total)
    assert alone.status is Status.CHECKED_IN
    assert alone.checked_out([], "Marta", NOON, owing=False).status is Status.CHECKED_OUT


def test_the_first_night_is_the_rooms_own_or_an_even_share() -> None:
    known = booking(stay(1, first_night=Decimal("150.00")), stay(2))
    assert known.first_night == Decimal("265.00")


def test_dates_change_while_guests_are_expected() -> None:
    check_may_change(booking())
    for status in set(Status) - {Status.CONFIRMED}:
        with pytest.raises(Refusal, match="can be changed while it is CONFIRMED"):
            check_may_change(booking(status=status))


def test_the_audit_log_says_what_changed_from_what_to_what() -> None:
    before = booking()
    after = before.checked_in(["HR2"], "Marta", ZONE, NOON)
    assert changes_between(before, after) == [
        {"field": "status", "old": "CONFIRMED", "new": "CHECKED_IN"},
        {"field": "HR2.status", "old": "CONFIRMED", "new": "CHECKED_IN"},
    ]
