"""Counts: how many rooms of each type are free, and of which types too few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from services.availability.catalogue import Property
from services.availability.stay import Stay
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import Shortage


def free_counts(uow: UnitOfWork, property_: Property, stay: Stay) -> dict[str, int]:
    """Free rooms of every type, for all nights of the stay."""
    return {key: len(uow.free_rooms(property_, stay, key)) for key in property_.types}


def shortages(wanted: Iterable[str] | Counter[str], available: Mapping[str, int]) -> tuple[Shortage, ...]:
    """The types of which more rooms are wanted than available; `wanted` has a type key for each room, or counts."""
    return tuple(
        Shortage(type=key, requested=count, available=available.get(key, 0))
        for key, count in Counter(wanted).items()
        if count > available.get(key, 0)
    )
