"""The service of notes over its database, given messages by hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from operator import itemgetter
from typing import Any

from shared.consumer.processor import Processor
from shared.database.pool import Database
from shared.outbox.batches import unpack
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.transport import MovedClock, PostOffice, process_records
from tests.support.sagas.sample_service import Notes, asked


@dataclass
class Shell:
    """The service of notes over its database, told by hand."""

    database: Database
    notes: Notes = field(default_factory=Notes)
    clock: MovedClock = field(default_factory=MovedClock)
    office: PostOffice = field(default_factory=PostOffice)
    routes: Any = None

    def __post_init__(self) -> None:
        self.routes = self.routes or self.notes.routes()
        self.relay = OutboxPublisher(self.office, self.database, clock=self.clock)
        self.processor = Processor(self.routes, self.database, self.relay, clock=self.clock)

    async def take(self, *request_ids: str) -> None:
        await process_records(self.processor, [asked(self.routes, request_id) for request_id in request_ids])

    async def outbox(self) -> list[Any]:
        """Its rows, those in batches too."""
        async with self.database.connection() as connection:
            single = await connection.fetch("SELECT * FROM outbox ORDER BY due_at")
            packed = await connection.fetch("SELECT packed, due_at FROM outbox_batches")
        unpacked = [asdict(row) | {"due_at": one["due_at"]} for one in packed for row in unpack(one["packed"])]
        return sorted([*map(dict, single), *unpacked], key=itemgetter("due_at"))

    async def batches(self) -> int:
        """How many batches the outbox has."""
        async with self.database.connection() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM outbox_batches"))


def failing(
    *poison: str, times: int = 10**6, fault: type[Exception] = RuntimeError, kind: type[Notes] = Notes
) -> Notes:
    left = [times]

    def breaks(request_id: str) -> None:
        if request_id in poison and left[0]:
            left[0] -= 1
            raise fault(f"{request_id} is poison")

    return kind(breaks)
