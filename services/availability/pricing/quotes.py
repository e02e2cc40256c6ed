"""Quotes: what rooms cost, night by night, under one package or under each that applies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from services.availability.catalogue import Package, Property, Rate, check_package_serves, check_party_fits
from services.availability.pricing.rules import Price, cents, check_extra_beds_cost, price_room, tax_in, with_tax
from services.availability.stay import Stay
from shared.contracts.availability import FeeQuote, NightQuote, PlanQuote, RateQuote, RoomQuote, RoomWish
from shared.contracts.common import Reason
from shared.errors import Refusal

MOST_LINES = 5000  # room-nights in one answer, over all plans: more would not fit in a message
_OF_A_PACKAGE = (Reason.INVALID_REQUEST, Reason.PRICE_UNAVAILABLE)  # refusals that another package may not have
Amounts = tuple[Decimal, Decimal]


def quote(
    property_: Property, stay: Stay, rooms: Sequence[RoomWish], package: str | None = None
) -> tuple[PlanQuote, ...]:
    """What the rooms cost under the named package, or under each that applies, the cheapest first.

    Raises:
        Refusal: when a type is not known, guests do not fit, or no package has a price for every room and night.
    """
    for room in rooms:
        with _naming_room(room.line):
            check_party_fits(property_.room_type(room.type), room, room.extra_beds)
    plans = [property_.package(package, stay)] if package else list(property_.packages.values())
    _check_size(len(rooms) * stay.nights * len(plans))
    if package:
        return (_plan(property_, plans[0], stay, rooms),)
    return _all_plans(property_, plans, stay, rooms)


def charge_lines(property_: Property, price: Price) -> list[Amounts]:
    """Total and tax of each charge, rounded to cents.

    A room's price is rounded once. Each charge gets the difference that it makes to the rounded sum: so the charges add
    up to the room's price, and none is off by more than a cent.
    """
    return list(_amounts(property_, price))


def _all_plans(
    property_: Property, packages: Sequence[Package], stay: Stay, rooms: Sequence[RoomWish]
) -> tuple[PlanQuote, ...]:
    plans: list[PlanQuote] = []
    refusals: list[Refusal] = []
    for package in packages:
        try:
            plans.append(_plan(property_, property_.package(package.key, stay), stay, rooms))
        except Refusal as refusal:
            refusals.append(refusal)
    if not plans:
        for cause in refusals:
            if cause.code not in _OF_A_PACKAGE:  # this package applies, except for what the request says
                raise cause
        why = "; ".join(refusal.text for refusal in refusals) or "the property has no packages: add one"
        raise Refusal(Reason.PRICE_UNAVAILABLE, f"no package has a price for this: {why}", field="package")
    return tuple(sorted(plans, key=lambda plan: (plan.total, plan.name)))


def _plan(property_: Property, package: Package, stay: Stay, wishes: Sequence[RoomWish]) -> PlanQuote:
    rates: dict[Rate, int] = {}
    rooms = tuple(_room(property_, package, stay, wish, rates) for wish in wishes)
    fees = [fee.total for room in rooms for fee in room.fees]
    return PlanQuote(
        package=package.key,
        name=package.name,
        inclusions=package.inclusions,
        cancellation_policy=package.cancellation_policy,
        rates=tuple(map(_rate, rates)),
        rooms=rooms,
        fees=sum(fees, Decimal("0.00")),
        tax=sum((room.tax for room in rooms), Decimal("0.00")),
        total=sum((room.total for room in rooms), Decimal("0.00")),
    )


def _rate(rate: Rate) -> RateQuote:
    return RateQuote(
        season=rate.season,
        type=rate.type,
        first_night=rate.first,
        last_night=rate.last,
        weekdays=None if rate.weekdays is None else tuple(sorted(rate.weekdays)),
        rank=rate.rank,
        adult=rate.adult,
        child=rate.child,
        extra_bed=rate.extra_bed,
    )


def _room(property_: Property, package: Package, stay: Stay, wish: RoomWish, rates: dict[Rate, int]) -> RoomQuote:
    """The quote of a room; `rates` numbers the rates that counted so far, and gets those that count here."""
    room_type = property_.room_type(wish.type)
    with _naming_room(wish.line):
        check_package_serves(package, room_type)
        price = price_room(property_, package, room_type, stay, wish, extra_beds=wish.extra_beds)
        check_extra_beds_cost(wish.extra_beds_cost, price)
    nights: list[NightQuote] = []
    fees: list[FeeQuote] = []
    for charge, (total, tax) in zip(price.charges, charge_lines(property_, price), strict=True):
        parts = {"base": total - tax, "tax": tax, "total": total}
        if charge.night and charge.rate:
            number = rates.setdefault(charge.rate, len(rates) + 1)
            nights.append(NightQuote(night=charge.night, rate=number, **parts))
        else:
            fees.append(FeeQuote(name=charge.name, **parts))
    return RoomQuote(
        line=wish.line,
        type=room_type.key,
        type_label=room_type.label,
        adults=wish.adults,
        children_0_to_5=wish.children_0_to_5,
        children_6_to_10=wish.children_6_to_10,
        extra_beds=wish.extra_beds,
        nights=tuple(nights),
        fees=tuple(fees),
        tax=price.tax,
        total=price.amount,
    )


def _amounts(property_: Property, price: Price) -> Iterator[Amounts]:
    net = Decimal(0)
    total = tax = Decimal("0.00")
    for charge in price.charges:
        net += charge.amount
        rounded = cents(with_tax(property_, net)), cents(tax_in(property_, net))
        yield rounded[0] - total, rounded[1] - tax
        total, tax = rounded


@contextmanager
def _naming_room(line: int) -> Iterator[None]:
    """Name the room in a refusal that is raised within."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal(refusal.code, f"room {line}: {refusal.text}", **refusal.details, room=line) from None


def _check_size(lines: int) -> None:
    if lines > MOST_LINES:
        text = (
            f"{lines} prices of nights are too many for one quote; name the package, or ask for fewer rooms or nights"
        )
        raise Refusal(Reason.INVALID_REQUEST, text, field="rooms")
