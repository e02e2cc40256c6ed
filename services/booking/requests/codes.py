"""Reservation codes: a property's prefix and a running number; numbers that are set aside and not used leave gaps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from services.booking.requests.store import take_codes
from shared.database.pool import Connection

MOST_AHEAD = 60  # codes of one property that a process sets aside at most
BUSY_SECONDS = 1.0


@dataclass
class _Ahead:
    codes: list[str]
    block: int
    taken_at: float


class Codes:
    """Codes that a process has set aside, so that a busy one need not ask for each booking.

    A property that sells a booking now and then gets exactly the codes it needs, without gaps; the block doubles while
    bookings follow each other within a second. To be used outside a transaction: a rollback would give a block back
    that is remembered here.
    """

    def __init__(self) -> None:
        self._ahead: dict[str, _Ahead] = {}

    async def take(self, connection: Connection, wanted: Mapping[str, int]) -> dict[str, list[str]]:
        """So many new codes of each property."""
        while short := self._blocks(wanted):  # while we waited another batch may have used what was there
            for property_id, codes in (await take_codes(connection, short)).items():
                self._ahead[property_id].codes += codes
        return {property_id: self._hand_out(property_id, number) for property_id, number in wanted.items()}

    def _blocks(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """How many to ask the database for, of the properties whose block does not suffice."""
        now = time.monotonic()
        blocks = {}
        for property_id, number in wanted.items():
            ahead = self._ahead.setdefault(property_id, _Ahead([], 0, float("-inf")))
            if len(ahead.codes) < number:
                busy = now - ahead.taken_at < BUSY_SECONDS
                ahead.block = min(2 * max(ahead.block, number), MOST_AHEAD) if busy else 0
                ahead.taken_at = now
                blocks[property_id] = max(ahead.block, number - len(ahead.codes))
        return blocks

    def _hand_out(self, property_id: str, number: int) -> list[str]:
        codes = self._ahead[property_id].codes
        found, codes[:] = codes[:number], codes[number:]
        return found
