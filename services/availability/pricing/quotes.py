"""Quotes: what rooms cost, night by night, under every rate plan that applies or the one that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from services.availability.catalogue.property import Package, Property, check_package_serves, check_party_fits
from services.availability.inventory.stay import Stay
from services.availability.pricing.rules import Price, cents, check_extra_beds_cost, price_room, tax_in, with_tax
from shared.contracts.availability import FeeQuote, NightQuote, PlanQuote, RoomQuote, RoomWish
from shared.contracts.common import Reason
from shared.errors import Refusal

# Room-nights in one answer, over all plans: more would not fit in a message.
MOST_LINES = 5000
Share = tuple[Decimal, Decimal]


def quote(house: Property, stay: Stay, rooms: Sequence[RoomWish], package: str | None = None) -> tuple[PlanQuote, ...]:
    """What the rooms cost under the named package, or under each that applies, the cheapest first.

    Raises:
        Refusal: where a type is not known, a party does not fit, or no plan has a price for every room and night.
    """
    for room in rooms:
        with _of_line(room.line):
            check_party_fits(house.room_type(room.type), room, room.extra_beds)
    plans = [house.package(package, stay)] if package else list(house.packages.values())
    _check_size(len(rooms) * stay.nights * len(plans))
    if package:
        return (_plan(house, plans[0], stay, rooms),)
    return _every_plan(house, plans, stay, rooms)


def itemised(house: Property, price: Price) -> list[Share]:
    """Total and tax of each charge, in cents.

    A room is rounded once. Each charge gets what the rounded sum grows by as it is added, so that the charges sum to
    the room to the cent, and none is off by more than one.
    """
    return list(_shares(house, price))


def _every_plan(
    house: Property, packages: Sequence[Package], stay: Stay, rooms: Sequence[RoomWish]
) -> tuple[PlanQuote, ...]:
    plans: list[PlanQuote] = []
    without: list[Refusal] = []
    for package in packages:
        try:
            plans.append(_plan(house, house.package(package.key, stay), stay, rooms))
        except Refusal as refusal:
            without.append(refusal)
    if not plans:
        for why_not in without:
            if why_not.code == Reason.PRICE_DIFFERS:  # this plan applies but for the figure that was named
                raise why_not
        why = "; ".join(refusal.text for refusal in without) or "the property has no packages: add one"
        raise Refusal(Reason.PRICE_UNAVAILABLE, f"no package has a price for this: {why}", field="package")
    return tuple(sorted(plans, key=lambda plan: (plan.total, plan.name)))


def _plan(house: Property, package: Package, stay: Stay, wishes: Sequence[RoomWish]) -> PlanQuote:
    rooms = tuple(_room(house, package, stay, wish) for wish in wishes)
    fees = [fee.total for room in rooms for fee in room.fees]
    return PlanQuote(
        package=package.key,
        name=package.name,
        inclusions=package.inclusions,
        cancellation_policy=package.cancellation_policy,
        rooms=rooms,
        fees=sum(fees, Decimal("0.00")),
        tax=sum((room.tax for room in rooms), Decimal("0.00")),
        total=sum((room.total for room in rooms), Decimal("0.00")),
    )


def _room(house: Property, package: Package, stay: Stay, wish: RoomWish) -> RoomQuote:
    room_type = house.room_type(wish.type)
    with _of_line(wish.line):
        check_package_serves(package, room_type)
        price = price_room(house, package, room_type, stay, wish, extra_beds=wish.extra_beds)
        check_extra_beds_cost(wish.extra_beds_cost, price)
    nights: list[NightQuote] = []
    fees: list[FeeQuote] = []
    for charge, (total, tax) in zip(price.charges, itemised(house, price), strict=True):
        parts = {"base": total - tax, "tax": tax, "total": total}
        if charge.night:
            nights.append(NightQuote(night=charge.night, **parts))
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


def _shares(house: Property, price: Price) -> Iterator[Share]:
    net = Decimal(0)
    total = tax = Decimal("0.00")
    for charge in price.charges:
        net += charge.amount
        grown = cents(with_tax(house, net)), cents(tax_in(house, net))
        yield grown[0] - total, grown[1] - tax
        total, tax = grown


@contextmanager
def _of_line(line: int) -> Iterator[None]:
    """Say in a refusal which room it is about."""
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
