"""What a room costs: rates by night, extra beds, supplements, fees and tax. Each room is rounded once, half-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from services.availability.catalogue import Fee, Package, Property, Rate, RoomType, Supplement, Unit
from services.availability.stay import Stay
from shared.contracts.common import Occupants, Reason
from shared.errors import Refusal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Charge:
    """One part of a room's price, not rounded, as rates and fees give it: for a night, or for what `name` says.

    `rate` is the one that counted for the night.
    """

    amount: Decimal
    name: str = ""
    night: date | None = None
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one room for the whole stay: `amount` is what the guest pays, `tax` the part of it that is tax.

    `charges` are the parts before rounding; `quotes.charge_lines` rounds them.
    """

    amount: Decimal
    tax: Decimal
    extra_beds: Decimal
    charges: tuple[Charge, ...] = ()


def price_room(
    property_: Property, package: Package, room_type: RoomType, stay: Stay, party: Occupants, *, extra_beds: int = 0
) -> Price:
    """The price of one room.

    Each night costs the adult rate for each adult, the child rate for each child of 6 to 10, and the rate of the extra
    beds; children up to 5 are free. Supplements of the package, fees of the property and tax are added.

    Raises:
        Refusal: price_unavailable, naming the first night without a rate.
    """
    beds = Decimal(0)
    nights: list[Charge] = []
    for night in stay:
        rate = rate_of(property_, package, room_type, night)
        bed = extra_beds * rate.extra_bed
        beds += bed
        amount = party.adults * rate.adult + party.children_6_to_10 * rate.child + bed
        nights.append(Charge(amount, night=night, rate=rate))
    charges = (*nights, *_extras(property_, package, stay, party))
    net = sum((charge.amount for charge in charges), Decimal(0))
    return Price(cents(with_tax(property_, net)), cents(tax_in(property_, net)), beds, charges)


def rate_of(property_: Property, package: Package, room_type: RoomType, night: date) -> Rate:
    """The rate that counts for a night: of the highest rank, of equal ones the most specific.

    Raises:
        Refusal: price_unavailable.
    """
    rates = [rate for rate in property_.rates if rate.serves(package.key, room_type.key, night)]
    if not rates:
        text = f"there is no rate for {package.name}, {room_type.label}, on {night}"
        raise Refusal(Reason.PRICE_UNAVAILABLE, text, night=night.isoformat(), package=package.key, type=room_type.key)
    return max(rates, key=lambda rate: rate.order)


def check_extra_beds_cost(named: Decimal | None, price: Price) -> None:
    """Refuse a named cost of extra beds that differs from the price; 0 is what gateways send that do not know it.

    Raises:
        Refusal: price_differs, with the right cost.
    """
    if named and named != cents(price.extra_beds):
        cost = cents(price.extra_beds)
        text = f"extra_beds_cost is {cost}, not {named}"
        raise Refusal(Reason.PRICE_DIFFERS, text, field="extra_beds_cost", extra_beds_cost=str(cost))


def with_tax(property_: Property, charge: Decimal) -> Decimal:
    """What a guest pays for a charge, not rounded."""
    return charge if property_.prices_include_tax else charge * (1 + property_.tax_rate)


def tax_in(property_: Property, charge: Decimal) -> Decimal:
    """The tax in what a guest pays for a charge, not rounded."""
    net = charge / (1 + property_.tax_rate) if property_.prices_include_tax else charge
    return net * property_.tax_rate


def cents(amount: Decimal) -> Decimal:
    """The amount rounded half-up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def _extras(property_: Property, package: Package, stay: Stay, party: Occupants) -> list[Charge]:
    guests = party.adults + party.children_6_to_10
    times = {Unit.ROOM_STAY: 1, Unit.ROOM_NIGHT: stay.nights, Unit.GUEST_NIGHT: stay.nights * guests}
    extras: list[Supplement | Fee] = [extra for extra in property_.supplements if extra.package == package.key]
    return [Charge(extra.amount * times[extra.unit], extra.name) for extra in (*extras, *property_.fees)]
