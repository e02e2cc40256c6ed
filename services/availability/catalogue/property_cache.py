"""The properties that were read, kept for a few seconds."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from services.availability.catalogue import store
from services.availability.catalogue.property import Property
from shared.database.pool import Connection

KEPT_SECONDS = 5.0


class PropertyCache:
    """The houses that were read, and which is the default; they change rarely."""

    def __init__(self) -> None:
        self.known: dict[str, Property] = {}
        self.default: str | None = None
        self._read_at: dict[str, float] = {}
        self._default_read_at = float("-inf")

    def forget(self) -> None:
        """Read them anew the next time: one was edited."""
        self._read_at.clear()
        self._default_read_at = float("-inf")

    async def read(self, connection: Connection, named: Collection[str | None]) -> Sequence[str]:
        """Read the named properties that are not fresh; if one does not exist, gives some ids that do, for refusals."""
        now = time.monotonic()
        if now - self._default_read_at >= KEPT_SECONDS:
            self.default = await store.default_property(connection)
            self._default_read_at = now
        wanted = {found for name in named if (found := name or self.default)}
        stale = [one for one in wanted if now - self._read_at.get(one, float("-inf")) >= KEPT_SECONDS]
        if stale:
            fresh = await store.properties_of(connection, stale)
            self.known = {key: property_ for key, property_ in self.known.items() if key not in stale} | fresh
            self._read_at |= dict.fromkeys(fresh, now)
        if wanted and wanted <= self.known.keys():
            return ()
        return await store.some_properties(connection)
