"""How many notifications a second a few senders send through a fast provider.

`python -m benchmarks.services.notifications`.

The whole way of a message but Kafka: the event's handler with its templates, the outbox in PostgreSQL, the claim, HTTP
to a double that answers at once, and the outcome's commit. The double runs in a process of its own. Prints one JSON
object on standard output, a table on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import structlog
import uvloop

from deploy.local.choice import choose_backends
from services.notifications.content.composer import NotificationComposer
from services.notifications.content.rendering import Templates
from services.notifications.content.samples import samples
from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import Channel, Claimed, Outcome
from services.notifications.events.handlers import booking_confirmed
from services.notifications.providers.registry import senders_of
from services.notifications.repository import Repository
from services.notifications.settings import Settings
from shared.clock import system_clock
from shared.contracts.booking import BookedRoom, BookingConfirmed, Contact
from shared.contracts.common import Language
from shared.database.migrations import upgrade
from shared.database.pool import Database
from shared.jobs.runner import JobRunner
from shared.jobs.wake import WakeSignal
from shared.outbox.publisher import OutboxPublisher

ANSWER = b'{"ErrorCode":0,"MessageID":"m","result":true,"status":"submitted","messageId":"m"}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER
AT_ONCE = 16
BATCH = 100


class _Provider(asyncio.Protocol):
    """Reads requests by their length and answers each at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
            if len(self._rest) < end + 4 + length:
                return
            self._rest = self._rest[end + 4 + length :]
            self._transport.write(RESPONSE)


def serve_provider(port: multiprocessing.connection.Connection) -> None:
    """The double, until its parent ends it."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def bookings(number: int) -> list[BookingConfirmed]:
    """Confirmations of guests on WhatsApp, each of which is an e-mail and a chat message."""
    facts = next(one for one in samples(Language.SPANISH)["confirmed"] if len(one["rooms"]) == 3)  # type: ignore[index]
    rooms: tuple[BookedRoom, ...] = facts["rooms"]
    base = {name: value for name, value in facts.items() if name != "property_settings"}
    return [
        BookingConfirmed.model_construct(
            **base
            | {
                "booking_id": uuid4(),
                "rooms": rooms,
                "total": Decimal("776.25"),
                "contact": Contact(wa_id=f"5037{one:07d}"),
            }
        )
        for one in range(number)
    ]


def parts(
    database_url: str, port: int
) -> tuple[Database, Repository, NotificationComposer, JobRunner[Claimed, Outcome]]:
    """What a sender is made of, with WATI and Postmark at the double."""
    url = f"http://127.0.0.1:{port}"
    settings = Settings.model_validate(
        {
            "outbound_allowed": ["127.0.0.1"],
            "wati_url": url,
            "wati_token": "t",
            "postmark_token": "t",
            "postmark_from": "reservas@example.com",
            "postmark_url": url,
            "sending_at_once": AT_ONCE,
        }
    )
    local = frozenset(Channel) - {Channel.WHATSAPP, Channel.EMAIL}
    composer = NotificationComposer(Templates("SV"), "SV", settings.chat_events, local, None, Language.SPANISH)
    wake = WakeSignal()
    database = Database(database_url)
    repository = Repository(composer, wake)
    lease = timedelta(minutes=1)
    senders = senders_of(settings)
    return (
        database,
        repository,
        composer,
        delivery_runner(
            database, repository, composer, senders, at_once=AT_ONCE, send_seconds=20, lease=lease, wake=wake
        ),
    )


def run_sender(database_url: str, port: int) -> None:
    """One sender, until its parent ends it."""

    async def send() -> None:
        database, _, _, runner = parts(database_url, port)
        await database.open()
        await runner.run(OutboxPublisher(_Nowhere(), database))

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    uvloop.run(send())


async def measure(database_url: str, port: int, number: int, senders: int) -> dict[str, float]:
    """Write so many bookings' messages and send them; returns messages a second of each part."""
    database, repository, _, _ = parts(database_url, port)
    await database.open()
    events = bookings(number)
    began = time.perf_counter()
    for start in range(0, number, BATCH):
        async with database.transaction() as connection:
            batch = events[start : start + BATCH]
            uow = await repository.load(connection, batch, system_clock())
            for event in batch:
                booking_confirmed(uow, event, system_clock())
            await repository.save(connection, uow, system_clock())
    written = time.perf_counter()
    processes = [multiprocessing.Process(target=run_sender, args=(database_url, port)) for _ in range(senders)]
    for process in processes:
        process.start()
    while await _left(database) == 2 * number:  # noqa: ASYNC110 — from their first message on
        await asyncio.sleep(0.005)
    sending, burnt = time.perf_counter(), _cpu_seconds(processes)
    while await _left(database):  # noqa: ASYNC110 — the database is what tells
        await asyncio.sleep(0.02)
    ended, burnt = time.perf_counter(), _cpu_seconds(processes) - burnt
    for process in processes:
        process.kill()
    await database.close()
    messages = 2 * number
    return {
        "messages": messages,
        "senders": senders,
        "written_per_second": messages / (written - began),
        "sent_per_second": messages / (ended - sending),
        "sender_cpu_microseconds_each": burnt / messages * 1e6,
    }


def _cpu_seconds(processes: Sequence[multiprocessing.Process]) -> float:
    """What processes have used of the processor, on Linux: unlike a rate it says the same on a busy machine."""
    stats = (Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split() for process in processes)
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


async def _left(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM deliveries WHERE status = 'pending'"))


class _Nowhere:
    async def send(self, row: object) -> asyncio.Future[None]:
        del row
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def main() -> None:
    """Start PostgreSQL and the double, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, default=2000, help="two messages each")
    parser.add_argument("--senders", type=int, default=2, help="processes that share the sending")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    ours, theirs = multiprocessing.Pipe()
    double = multiprocessing.Process(target=serve_provider, args=(theirs,), daemon=True)
    double.start()
    with tempfile.TemporaryDirectory(prefix="posada-bench-") as folder:  # noqa: SIM117 — the folder outlives the server
        with choose_backends(Path(folder), os.environ).postgres as server:
            name = f"bench_{uuid4().hex[:8]}"
            server.create_databases([name])
            url = server.owner_dsn(name)
            upgrade("notifications", url)
            figures = uvloop.run(measure(url, ours.recv(), given.bookings, given.senders))
            server.drop_databases([name])
    double.kill()
    for label, value in figures.items():
        sys.stderr.write(f"{label.replace('_', ' '):>24}  {value:,.0f}\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
