"""What a room costs: rates by night, extra beds, supplements, tax; decimals, rounded half-up once a room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from services.availability.domain.house import House, Package, Rate, RoomType, Unit
from services.availability.domain.stay import Stay
from shared.contracts.common import Occupants, Reason
from shared.errors import Refusal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one room for the whole stay: `amount` is what the guest pays, `tax` the part of it that is tax."""

    amount: Decimal
    tax: Decimal
    extra_beds: Decimal


def price_room(
    house: House, package: Package, room_type: RoomType, stay: Stay, party: Occupants, *, extra_beds: int = 0
) -> Price:
    """The price of one room.

    For each night adults times the adult rate, children of 6 to 10 times the child rate, and the extra beds;
    children up to 5 are free. Then the package's supplements, then tax.

    Raises:
        Refusal: price_unavailable, naming the first night without a rate.
    """
    base, beds = Decimal(0), Decimal(0)
    for night in stay:
        rate = rate_of(house, package, room_type, night)
        base += party.adults * rate.adult + party.children_6_to_10 * rate.child
        beds += extra_beds * rate.extra_bed
    net = base + beds + _supplements(house, package, stay, party)
    return _taxed(house, net, beds)


def rate_of(house: House, package: Package, room_type: RoomType, night: date) -> Rate:
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
    if named is not None and named != _cents(price.extra_beds):
        ours = _cents(price.extra_beds)
        raise Refusal(
            Reason.PRICE_DIFFERS,
            f"extra_beds_cost is {ours}, not {named}",
            field="extra_beds_cost",
            extra_beds_cost=str(ours),
        )


def _supplements(house: House, package: Package, stay: Stay, party: Occupants) -> Decimal:
    guests = party.adults + party.children_6_to_10
    times = {Unit.ROOM_STAY: 1, Unit.ROOM_NIGHT: stay.nights, Unit.GUEST_NIGHT: stay.nights * guests}
    chosen = [supplement for supplement in house.supplements if supplement.package == package.key]
    return sum((supplement.amount * times[supplement.unit] for supplement in chosen), Decimal(0))


def _taxed(house: House, net: Decimal, beds: Decimal) -> Price:
    if house.prices_include_tax:
        amount = _cents(net)
        without = _cents(net / (1 + house.tax_rate))
    else:
        amount = _cents(net * (1 + house.tax_rate))
        without = _cents(net)
    return Price(amount, amount - without, beds)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
