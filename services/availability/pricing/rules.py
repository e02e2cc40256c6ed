"""What a room costs: rates by night, extra beds, supplements, fees, tax; decimals, rounded half-up once a room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from services.availability.catalogue.property import Fee, Package, Property, Rate, RoomType, Supplement, Unit
from services.availability.inventory.stay import Stay
from shared.contracts.common import Occupants, Reason
from shared.errors import Refusal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Charge:
    """One part of a room's price as rates give it, not rounded: a night where `night` is set, else what `name` says."""

    amount: Decimal
    name: str = ""
    night: date | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one room for the whole stay: `amount` is what the guest pays, `tax` the part of it that is tax.

    `charges` are the parts as rates give them; domain/quoting.py makes a guest's lines of them.
    """

    amount: Decimal
    tax: Decimal
    extra_beds: Decimal
    charges: tuple[Charge, ...] = ()


def price_room(
    house: Property, package: Package, room_type: RoomType, stay: Stay, party: Occupants, *, extra_beds: int = 0
) -> Price:
    """The price of one room.

    For each night adults times the adult rate, children of 6 to 10 times the child rate, and the extra beds;
    children up to 5 are free. Then the package's supplements and the property's fees, then tax.

    Raises:
        Refusal: price_unavailable, naming the first night without a rate.
    """
    beds = Decimal(0)
    nights: list[Charge] = []
    for night in stay:
        rate = rate_of(house, package, room_type, night)
        bed = extra_beds * rate.extra_bed
        beds += bed
        nights.append(Charge(party.adults * rate.adult + party.children_6_to_10 * rate.child + bed, night=night))
    charges = (*nights, *_extras(house, package, stay, party))
    net = sum((charge.amount for charge in charges), Decimal(0))
    return Price(cents(with_tax(house, net)), cents(tax_in(house, net)), beds, charges)


def rate_of(house: Property, package: Package, room_type: RoomType, night: date) -> Rate:
    """The most specific rate of a night; of several alike the one that was written first.

    Raises:
        Refusal: price_unavailable.
    """
    rates = [rate for rate in house.rates if rate.serves(package.key, room_type.key, night)]
    if not rates:
        text = f"there is no rate for {package.name}, {room_type.label}, on {night}"
        raise Refusal(Reason.PRICE_UNAVAILABLE, text, night=night.isoformat(), package=package.key, type=room_type.key)
    return max(rates, key=lambda rate: rate.precision)


def check_extra_beds_cost(named: Decimal | None, price: Price) -> None:
    """A gateway that names the cost of extra beds must name ours.

    Raises:
        Refusal: price_differs, with our figure.
    """
    if named is not None and named != cents(price.extra_beds):
        ours = cents(price.extra_beds)
        raise Refusal(
            Reason.PRICE_DIFFERS,
            f"extra_beds_cost is {ours}, not {named}",
            field="extra_beds_cost",
            extra_beds_cost=str(ours),
        )


def with_tax(house: Property, charge: Decimal) -> Decimal:
    """What a guest pays for a charge, not rounded."""
    return charge if house.prices_include_tax else charge * (1 + house.tax_rate)


def tax_in(house: Property, charge: Decimal) -> Decimal:
    """The tax in what a guest pays for a charge, not rounded."""
    net = charge / (1 + house.tax_rate) if house.prices_include_tax else charge
    return net * house.tax_rate


def cents(amount: Decimal) -> Decimal:
    """Rounded half-up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def _extras(house: Property, package: Package, stay: Stay, party: Occupants) -> list[Charge]:
    guests = party.adults + party.children_6_to_10
    times = {Unit.ROOM_STAY: 1, Unit.ROOM_NIGHT: stay.nights, Unit.GUEST_NIGHT: stay.nights * guests}
    chosen: list[Supplement | Fee] = [one for one in house.supplements if one.package == package.key]
    return [Charge(one.amount * times[one.unit], one.name) for one in (*chosen, *house.fees)]
