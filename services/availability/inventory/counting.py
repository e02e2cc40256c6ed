"""Counts: how many rooms of each type are free, and which wishes fall short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from services.availability.catalogue.property import Property
from services.availability.inventory.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import Shortage


def free_counts(uow: UnitOfWork, house: Property, stay: Stay) -> dict[str, int]:
    """Free rooms of every type, for all nights of the stay."""
    return {key: len(uow.free_rooms(house, stay, key)) for key in house.types}


def shortages(wanted: Iterable[str], available: Mapping[str, int]) -> tuple[Shortage, ...]:
    """The types of which more are wanted (one key for each room) than available, in the order first wanted."""
    return tuple(
        Shortage(type=key, requested=count, available=available.get(key, 0))
        for key, count in Counter(wanted).items()
        if count > available.get(key, 0)
    )
