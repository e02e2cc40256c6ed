"""Quotes: page 1's figures line by line, what is refused, and sums that always hold."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from services.availability import api
from services.availability.catalogue.property import Fee, Package, Property, Rate, RoomType, Supplement, Unit
from services.availability.pricing.quotes import quote
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import PlanQuote, QuoteAnswered, QuoteRequested, RoomWish
from shared.errors import Refusal
from shared.http.app import answer_refusals
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, wish
from tests.support.doubles.transport import message_of, process_records, raw_record

REQUESTS = "posada.availability.requests"


def nights(number: int = 1) -> Stay:
    return Stay(CHECK_IN, CHECK_IN + timedelta(days=number))


@pytest.fixture
def property_(uow: UnitOfWork) -> Property:
    return uow.property_of("las-hojas")


def one_plan(property_: Property, *rooms: RoomWish, package: str = "Las Hojas", stay: Stay | None = None) -> PlanQuote:
    (plan,) = quote(property_, stay or nights(), rooms, package)
    return plan


def test_eight_adults_in_three_junior_rooms(property_: Property) -> None:
    plan = one_plan(property_, wish(1, adults=3), wish(2, adults=3), wish(3, adults=2))
    assert [room.total for room in plan.rooms] == [Decimal("258.75"), Decimal("258.75"), Decimal("172.50")]
    assert (plan.total, plan.fees, plan.cancellation_policy) == (Decimal("690.00"), Decimal("0.00"), None)
    (night,) = plan.rooms[2].nights
    assert (night.night, night.base, night.tax, night.total) == (
        CHECK_IN,
        Decimal("152.65"),
        Decimal("19.85"),
        Decimal("172.50"),
    )


def test_a_supplement_is_a_fee_of_its_own(property_: Property) -> None:
    plan = one_plan(property_, wish(1), wish(2), package="Romántico", stay=nights(3))
    assert [(fee.name, fee.total) for fee in plan.rooms[0].fees] == [("Romantic decoration", Decimal("20.00"))]
    assert (plan.fees, plan.total) == (Decimal("40.00"), Decimal("1075.00"))


def test_tax_on_top(property_: Property) -> None:
    thousand = Rate("las_hojas", adult=Decimal(500), child=Decimal(0), extra_bed=Decimal(0))
    taxed = replace(property_, tax_rate=Decimal("0.18"), prices_include_tax=False, rates=(thousand,))
    plan = one_plan(taxed, wish(adults=2))
    assert (plan.total, plan.tax) == (Decimal("1180.00"), Decimal("180.00"))
    assert plan.rooms[0].nights[0].base == Decimal("1000.00")


@pytest.mark.parametrize(("unit", "fee"), [(Unit.ROOM_STAY, 10), (Unit.ROOM_NIGHT, 20), (Unit.GUEST_NIGHT, 60)])
def test_a_fee_of_the_property_is_data(property_: Property, unit: Unit, fee: int) -> None:
    dearer = replace(property_, fees=(Fee("Resort fee", Decimal(10), unit),))
    plan = one_plan(dearer, wish(adults=2, children_6_to_10=1, children_0_to_5=1), stay=nights(2))
    assert plan.fees == fee
    assert plan.total - one_plan(property_, wish(adults=2, children_6_to_10=1), stay=nights(2)).total == fee


def test_extra_beds_are_in_the_night(property_: Property) -> None:
    plan = one_plan(property_, wish(extra_beds=1), stay=nights(2))
    assert [night.total for night in plan.rooms[0].nights] == [Decimal("187.50")] * 2


def test_half_up_once_a_room_and_nights_that_sum_to_it(property_: Property) -> None:
    (room,) = one_plan(property_, wish(adults=1, children_6_to_10=1), stay=nights(3)).rooms
    assert room.total == Decimal("388.13")
    assert [night.total for night in room.nights] == [Decimal("129.38"), Decimal("129.37"), Decimal("129.38")]


def test_every_plan_that_applies_the_cheapest_first(property_: Property) -> None:
    assert [plan.package for plan in quote(property_, nights(), [wish()])] == ["las_hojas", "romantico"]
    assert [plan.package for plan in quote(property_, nights(), [wish(type_="Pasadía", adults=1)])] == ["pasadia"]
    easter = Package("easter", "Easter", first=CHECK_IN, last=CHECK_IN, cancellation_policy="strict")
    rate = Rate("easter", Decimal(50), Decimal(0), Decimal(0))
    more = replace(property_, packages={**property_.packages, "easter": easter}, rates=(*property_.rates, rate))
    cheapest, *_ = quote(more, nights(), [wish()])
    assert (cheapest.package, cheapest.cancellation_policy) == ("easter", "strict")
    assert "easter" not in [plan.package for plan in quote(more, nights(2), [wish()])]


@pytest.mark.parametrize(
    ("rooms", "package", "code", "said"),
    [
        ([wish(1), wish(2, adults=4)], None, "party_does_not_fit", "room 2: Junior admits 3 adults"),
        ([wish(extra_beds=2)], None, "party_does_not_fit", "at most 1 extra beds"),
        ([wish(type_="Suite")], None, "invalid_request", "room 1: room type 'Suite'"),
        ([wish()], "Members", "invalid_request", "package 'Members'"),
        ([wish()], "Pasadía", "invalid_request", "room 1: package Pasadía cannot"),
        ([wish(1), wish(2, "Pasadía", adults=1)], None, "price_unavailable", "no package has a price"),
        ([wish(extra_beds=1, extra_beds_cost=Decimal(1))], None, "price_differs", r"15\.00"),
        ([wish()] * 500, None, "invalid_request", "too many for one quote"),
    ],
)
def test_refusals(property_: Property, rooms: list[RoomWish], package: str | None, code: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as refused:
        quote(property_, nights(5 if len(rooms) > 2 else 1), rooms, package)
    assert refused.value.code == code


def test_a_date_without_a_rate_is_named(property_: Property) -> None:
    only = tuple(replace(rate, first=CHECK_IN, last=CHECK_IN) for rate in property_.rates)
    with pytest.raises(Refusal, match="2026-03-16") as refused:
        quote(replace(property_, rates=only), nights(2), [wish()], "Las Hojas")
    assert (refused.value.code, refused.value.details["night"]) == ("price_unavailable", "2026-03-16")


amounts = st.decimals(min_value=1, max_value=5000, places=4)
parties = st.builds(wish, adults=st.integers(1, 6), children_6_to_10=st.integers(0, 3), extra_beds=st.integers(0, 2))


@st.composite
def houses(draw: st.DrawFn) -> Property:
    extras = st.lists(st.tuples(amounts, st.sampled_from(Unit)), max_size=3)
    adult = draw(amounts)
    sunday = Rate("p", draw(amounts), draw(amounts), draw(amounts), weekdays=frozenset({7}))
    return Property(
        id="h",
        name="H",
        timezone="UTC",
        currency="USD",
        tax_rate=draw(st.decimals(min_value=0, max_value=Decimal("0.99"), places=4)),
        prices_include_tax=draw(st.booleans()),
        hold_minutes=15,
        types={"junior": RoomType("junior", "Junior", 9, 20, 5)},
        packages={"p": Package("p", "P")},
        rates=(Rate("p", adult, draw(amounts), draw(amounts)), sunday),
        supplements=tuple(Supplement("p", f"s{n}", *one) for n, one in enumerate(draw(extras))),
        fees=tuple(Fee(f"f{n}", *one) for n, one in enumerate(draw(extras))),
    )


@given(houses(), st.lists(parties, min_size=1, max_size=5), st.integers(1, 14), st.dates(date(2026, 1, 1)))
def test_sums_hold_to_the_cent(property_: Property, rooms: list[RoomWish], number: int, first: date) -> None:
    stay = Stay(first, first + timedelta(days=number)) if first < date(9999, 1, 1) else nights(number)
    plan = one_plan(property_, *rooms, package="p", stay=stay)
    assert plan.total == sum(room.total for room in plan.rooms)
    assert plan.tax == sum(room.tax for room in plan.rooms)
    assert plan.fees == sum(fee.total for room in plan.rooms for fee in room.fees)
    for room in plan.rooms:
        lines = (*room.nights, *room.fees)
        assert room.total == sum(line.total for line in lines)
        assert room.tax == sum(line.tax for line in lines)
        assert all(line.base + line.tax == line.total and line.tax >= 0 and line.base >= 0 for line in lines)
        assert [night.night for night in room.nights] == list(stay)
    if property_.prices_include_tax:
        untaxed = one_plan(replace(property_, tax_rate=Decimal(0)), *rooms, package="p", stay=stay)
        assert untaxed.total == plan.total


@given(houses(), parties, st.integers(1, 14))
def test_a_room_costs_the_same_whoever_travels_with_it(property_: Property, room: RoomWish, number: int) -> None:
    alone = one_plan(property_, room, package="p", stay=nights(number)).total
    assert one_plan(property_, room, room, room, package="p", stay=nights(number)).total == 3 * alone


def asking(**more: Any) -> dict[str, Any]:
    rooms = [{"line": 1, "type": "Junior", "adults": 3}, {"line": 2, "type": "Junior", "adults": 2}]
    dates = {"check_in": CHECK_IN.isoformat(), "check_out": (CHECK_IN + timedelta(days=1)).isoformat()}
    return {"request_id": "q1", "rooms": rooms, **dates} | more


async def told(service: Availability, **more: Any) -> QuoteAnswered:
    """The answer to a request as a gateway publishes it."""
    headers = [("ce_type", b"posada.availability.quote-requested.v1")]
    await process_records(
        service.consumer, [raw_record(REQUESTS, json.dumps(asking(**more)).encode(), headers=headers)]
    )
    (row,) = service.office.taken()
    answer = message_of(row)
    assert isinstance(answer, QuoteAnswered)
    assert answer.request_id == "q1"
    return answer


@pytest.mark.real
async def test_asked_over_kafka(service: Availability) -> None:
    answer = await told(service)
    assert (answer.success, answer.currency) == (True, "USD")
    assert [plan.total for plan in answer.plans] == [Decimal("431.25"), Decimal("471.25")]
    assert "Romántico: $471.25" in answer.message
    assert "Quote from March 15, 2026" in (await told(service, language="en")).message


@pytest.mark.real
@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"rooms": []}, "rooms", "rooms"),
        ({"rooms": [{"line": 1, "type": "Junior", "adults": -1}]}, "rooms.0.adults", "rooms.0.adults"),
        ({"check_in": "soon"}, "check_in", "no son posibles"),
        ({"check_out": CHECK_IN.isoformat()}, "check_out", "no son posibles"),
        ({"property_id": "atlantis"}, "property_id", "No conocemos"),
        ({"rooms": [{"line": 1, "type": "Suite", "adults": 1}]}, "type", "tipo de habitación"),
        ({"rooms": [{"line": 1, "type": "Junior", "adults": 9}]}, None, "no cabe"),
        ({"package": "Members"}, "package", "paquete"),
    ],
)
async def test_what_has_no_price_is_answered_too(service: Availability, more: Any, field: str, said: str) -> None:
    answer = await told(service, **more)
    assert (answer.success, answer.plans) == (False, ())
    assert answer.error
    assert answer.error.details.get("field") == field
    assert said in answer.message


@pytest.fixture
async def http(service: Availability) -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    answer_refusals(app)
    app.include_router(api.router(service.database, service.repository, service.clock))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://availability") as client:
        yield client


@pytest.mark.real
async def test_asked_over_http(http: AsyncClient) -> None:
    asked = asking(package="Las Hojas")
    answer = await http.post("/properties/las-hojas/quote", json=asked)
    assert answer.status_code == 200
    (plan,) = answer.json()["plans"]
    assert (plan["total"], plan["rooms"][0]["nights"][0]["total"]) == ("431.25", "258.75")
    refused = await http.post("/properties/las-hojas/quote", json=asked | {"package": "Members"})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["field"] == "package"
    assert (await http.post("/properties/las-hojas/quote", json=asked | {"rooms": []})).status_code == 422


def test_the_request_says_which_property_or_none() -> None:
    assert QuoteRequested.model_validate(asking()).property_id is None
