"""Connections to the outside systems that keep rooms: one for each property, while its record is the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from services.availability.catalogue import (
    CatalogueRepository,
    OutsideRecord,
    OutsideWordRecord,
    PackageRecord,
    RoomRecord,
    TypeRecord,
)
from services.availability.external.adapters.breaker import CircuitBreakerInventory
from services.availability.external.adapters.pms import ROOM_SUFFIX, Pms
from services.availability.external.adapters.settings import ExternalClientSettings
from services.availability.external.adapters.words import words_of
from services.availability.external.numbering import numbering_of
from services.availability.external.port import InventoryUnavailable
from services.availability.external.selection import Patience
from services.availability.stay import Stay
from shared.clock import Clock, system_clock
from shared.outbound.breaker import CircuitBreaker


@dataclass
class ExternalClient:
    """A property's system behind its circuit breaker, and how patient its property is with it."""

    record: OutsideRecord
    pms: Pms
    guarded: CircuitBreakerInventory
    patience: Patience


class ExternalClients:
    """Those that were called so far."""

    def __init__(
        self, records: CatalogueRepository, settings: ExternalClientSettings, clock: Clock = system_clock
    ) -> None:
        self._records = records
        self._settings = settings
        self._clock = clock
        self._known: dict[str, ExternalClient] = {}

    @property
    def at_once(self) -> int:
        """How many calls may be under way to one system at a time."""
        return self._settings.at_once

    async def of(self, property_id: str) -> ExternalClient:
        """The system of a property, as the catalogue has it now.

        Raises:
            InventoryUnavailable: when it has none.
        """
        records = [one async for one in self._records.listing("outside", property_id)]
        if not records or not isinstance(records[0], OutsideRecord):
            raise InventoryUnavailable(f"property {property_id} has no outside system")
        known = self._known.get(property_id)
        if known is None or known.record != records[0]:
            known = self._known[property_id] = self._connected(records[0])
        rooms = [one async for one in self._records.listing("room", property_id)]
        types = [one async for one in self._records.listing("type", property_id)]
        known.pms.numbering = numbering_of(
            (one for one in rooms if isinstance(one, RoomRecord)),
            (one for one in types if isinstance(one, TypeRecord)),
            ROOM_SUFFIX,
        )
        words = [one async for one in self._records.listing("outside_word", property_id)]
        packages = [one async for one in self._records.listing("package", property_id)]
        known.pms.words = words_of(
            (one for one in words if isinstance(one, OutsideWordRecord)),
            (one for one in types if isinstance(one, TypeRecord)),
            (one for one in packages if isinstance(one, PackageRecord)),
        )
        return known

    async def free_rooms(self, property_id: str, stay: Stay) -> dict[str, tuple[str, ...]]:
        """What a property's system calls free.

        Raises:
            InventoryUnavailable: when it does not answer.
        """
        system = await self.of(property_id)
        return dict(await system.guarded.free_rooms(stay))

    async def close(self) -> None:
        """Close all connections; whoever asks again gets new ones."""
        known, self._known = self._known, {}
        for system in known.values():
            await system.guarded.close()

    def _connected(self, record: OutsideRecord) -> ExternalClient:
        pms = Pms(
            record.base_url,
            record.prefix,
            cancels=record.cancels,
            seconds=float(record.seconds),
            token=self._settings.tokens.get(record.property_id),
            allowed=self._settings.allowed,
        )
        breaker = CircuitBreaker(self._settings.failures, timedelta(seconds=self._settings.rest_seconds))
        guarded = CircuitBreakerInventory(pms, breaker, self._clock)
        pause = timedelta(seconds=float(record.pause_seconds))
        return ExternalClient(record, pms, guarded, Patience(record.attempts, pause, self._settings.pause_growth))
