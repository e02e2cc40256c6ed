"""The reference figures of page 1, to the cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.availability.catalogue.property import (
    Property,
    Rate,
    Supplement,
    Unit,
    check_package_serves,
    check_party_fits,
)
from services.availability.pricing.rules import Price, check_extra_beds_cost, price_room
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.common import Occupants
from shared.errors import Refusal
from tests.support.builders.bookings import CHECK_IN


@pytest.fixture
def property_(uow: UnitOfWork) -> Property:
    return uow.property_of("las-hojas")


def price(
    property_: Property, package: str, type_: str = "Junior", nights: int = 1, beds: int = 0, **party: int
) -> Price:
    stay = Stay(CHECK_IN, CHECK_IN + timedelta(days=nights))
    people = Occupants(**{"adults": 1} | party)
    return price_room(
        property_, property_.package(package, stay), property_.room_type(type_), stay, people, extra_beds=beds
    )


def guests(adults: int, small: int, older: int) -> Occupants:
    return Occupants(adults=adults, children_0_to_5=small, children_6_to_10=older)


@pytest.mark.parametrize(
    ("party", "nights", "amount"),
    [
        ({"adults": 1}, 1, "86.25"),
        ({"adults": 0, "children_6_to_10": 2}, 1, "86.25"),
        ({"adults": 0, "children_6_to_10": 1}, 2, "86.25"),
        ({"adults": 1, "children_6_to_10": 1}, 1, "129.38"),  # 129.375, half-up
        ({"adults": 1, "children_6_to_10": 1}, 3, "388.13"),  # 388.125, once a room and not once a night
        ({"adults": 2, "children_0_to_5": 3}, 1, "172.50"),
        ({"adults": 3}, 1, "258.75"),
        ({"adults": 2}, 4, "690.00"),
    ],
)
def test_las_hojas(property_: Property, party: dict[str, int], nights: int, amount: str) -> None:
    assert price(property_, "Las Hojas", nights=nights, **party).amount == Decimal(amount)


def test_eight_adults_in_three_junior_rooms(property_: Property) -> None:
    assert sum(price(property_, "Las Hojas", adults=adults).amount for adults in (3, 3, 2)) == Decimal("690.00")


@pytest.mark.parametrize("nights", [1, 5])
def test_romantico_adds_twenty_once_for_room_and_stay(property_: Property, nights: int) -> None:
    more = price(property_, "romantico", nights=nights, adults=2).amount
    assert more - price(property_, "Las Hojas", nights=nights, adults=2).amount == Decimal("20.00")


def test_tax_on_top(property_: Property) -> None:
    thousand = Rate("las_hojas", adult=Decimal(1000), child=Decimal(0), extra_bed=Decimal(0))
    taxed = replace(property_, tax_rate=Decimal("0.18"), prices_include_tax=False, rates=(thousand,))
    found = price(taxed, "Las Hojas")
    assert (found.amount, found.tax) == (Decimal("1180.00"), Decimal("180.00"))


def test_tax_included_leaves_the_price_alone(property_: Property) -> None:
    found = price(property_, "Las Hojas", adults=2, nights=4)
    assert (found.amount, found.tax) == (Decimal("690.00"), Decimal("79.38"))


@pytest.mark.parametrize(("unit", "more"), [(Unit.ROOM_STAY, 10), (Unit.ROOM_NIGHT, 20), (Unit.GUEST_NIGHT, 60)])
def test_each_supplement_says_its_unit(property_: Property, unit: Unit, more: int) -> None:
    plain = price(property_, "Las Hojas", nights=2, adults=2, children_6_to_10=1, children_0_to_5=1)
    dearer = replace(property_, supplements=(Supplement("las_hojas", "gala", Decimal(10), unit),))
    full = price(dearer, "Las Hojas", nights=2, adults=2, children_6_to_10=1, children_0_to_5=1)
    assert full.amount - plain.amount == more


def test_the_most_specific_rate_wins(property_: Property) -> None:
    def rate(adult: int, **conditions: object) -> Rate:
        return Rate("las_hojas", Decimal(adult), Decimal(0), Decimal(0), **conditions)  # type: ignore[arg-type]

    sunday = frozenset({CHECK_IN.isoweekday()})
    week = {"first": CHECK_IN, "last": CHECK_IN + timedelta(days=6)}
    rates = [
        rate(1),
        rate(2, type="bungalow_junior"),
        rate(3, type="bungalow_junior", first=CHECK_IN),
        rate(4, type="bungalow_junior", **week),
        rate(5, type="bungalow_junior", weekdays=sunday, **week),
        rate(6, type="bungalow_junior", first=CHECK_IN, last=CHECK_IN),
        rate(7, rank=1),
    ]
    for number in range(1, 8):
        dear = replace(property_, rates=tuple(reversed(rates[:number])))
        assert price(dear, "Las Hojas").amount == number
    assert price(replace(property_, rates=tuple(rates[:6])), "Las Hojas", "Familiar").amount == 1


def test_a_night_without_a_rate_is_refused(property_: Property) -> None:
    only_first = Rate("las_hojas", Decimal(1), Decimal(1), Decimal(1), first=CHECK_IN, last=CHECK_IN)
    with pytest.raises(Refusal, match="2026-03-16") as refused:
        price(replace(property_, rates=(only_first,)), "Las Hojas", nights=2)
    assert refused.value.code == "price_unavailable"


def test_extra_beds_are_priced_and_a_gateway_must_agree(property_: Property) -> None:
    found = price(property_, "Las Hojas", beds=1, nights=2, adults=2)
    assert found.amount == Decimal("375.00")
    check_extra_beds_cost(Decimal("30.00"), found)
    check_extra_beds_cost(None, found)
    with pytest.raises(Refusal, match=r"30\.00") as refused:
        check_extra_beds_cost(Decimal("29.99"), found)
    assert refused.value.code == "price_differs"


@pytest.mark.parametrize("name", ["Junior", "JUNIOR", " junior ", "bungalow_junior", "Bungalow_Junior"])
def test_a_type_is_known_by_label_or_key(property_: Property, name: str) -> None:
    assert property_.room_type(name).key == "bungalow_junior"


@pytest.mark.parametrize("name", ["Habitación", "habitacion", "HABITACION", "HABITACIÓN", "habitacio\u0301n"])
def test_case_and_accents_do_not_count(property_: Property, name: str) -> None:
    assert property_.room_type(name).key == "habitacion"


@pytest.mark.parametrize("name", ["Suite", "Juniors", "18"])
def test_an_unknown_type_is_refused_with_those_there_are(property_: Property, name: str) -> None:
    with pytest.raises(Refusal, match="Familiar, Junior, Matrimonial, Habitación, Pasadía"):
        property_.room_type(name)


@pytest.mark.parametrize("name", ["Las Hojas", "las hojas", "las_hojas", "ROMANTICO", "Romántico", "pasadía"])
def test_packages_are_named_as_freely(property_: Property, name: str) -> None:
    assert property_.package(name, Stay(CHECK_IN, CHECK_IN + timedelta(days=1))).key in property_.packages


def test_a_package_is_sold_for_every_night_or_not_at_all(property_: Property) -> None:
    easter = replace(property_.packages["las_hojas"], first=date(2026, 3, 14), last=CHECK_IN)
    seasonal = replace(property_, packages={"las_hojas": easter})
    assert seasonal.package("Las Hojas", Stay(CHECK_IN, CHECK_IN + timedelta(days=1))) is easter
    with pytest.raises(Refusal) as refused:
        seasonal.package("Las Hojas", Stay(CHECK_IN, CHECK_IN + timedelta(days=2)))
    assert refused.value.code == "price_unavailable"


@pytest.mark.parametrize(
    ("package", "type_", "allowed"),
    [
        ("Las Hojas", "Junior", True),
        ("Las Hojas", "Pasadía", False),
        ("Pasadía", "Pasadía", True),
        ("Pasadía", "Junior", False),
        ("Romántico", "Pasadía", False),
        ("Romántico", "Matrimonial", True),
    ],
)
def test_pasadia_goes_with_pasadia_alone(property_: Property, package: str, type_: str, allowed: bool) -> None:
    found = property_.package(package, Stay(CHECK_IN, CHECK_IN + timedelta(days=1)))
    if allowed:
        check_package_serves(found, property_.room_type(type_))
        return
    with pytest.raises(Refusal, match="cannot be booked with"):
        check_package_serves(found, property_.room_type(type_))


@pytest.mark.parametrize(
    ("type_", "party", "beds"),
    [
        ("Junior", (3, 0, 0), 0),
        ("Junior", (2, 1, 1), 0),
        ("Familiar", (4, 1, 1), 0),
        ("Junior", (4, 0, 0), 1),
        ("Matrimonial", (2, 1, 0), 0),
    ],
)
def test_parties_that_fit(property_: Property, type_: str, party: tuple[int, int, int], beds: int) -> None:
    check_party_fits(property_.room_type(type_), guests(*party), beds)


@pytest.mark.parametrize(
    ("type_", "party", "beds"),
    [
        ("Junior", (4, 0, 0), 0),
        ("Junior", (3, 1, 1), 0),
        ("Junior", (0, 0, 2), 0),
        ("Junior", (2, 0, 0), 2),
        ("Matrimonial", (3, 0, 0), 0),
        ("Familiar", (7, 0, 0), 0),
    ],
)
def test_parties_that_do_not(property_: Property, type_: str, party: tuple[int, int, int], beds: int) -> None:
    with pytest.raises(Refusal) as refused:
        check_party_fits(property_.room_type(type_), guests(*party), beds)
    assert refused.value.code == "party_does_not_fit"
