"""Runs errands to outside systems: each between two transactions, those of one booking one after the other.

A claim is a lease that is renewed while the errand runs; what a process took and never finished is another's when the
lease ends, and the journal of attempts keeps it from booking twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from services.availability.attempts import Attempts
from services.availability.domain.catalogue import OutsideRecord, RoomRecord
from services.availability.domain.outside import LOOK, ORDER
from services.availability.domain.reselection import Patience, Wanted, to_staff
from services.availability.domain.stay import Stay
from services.availability.inventories.guarded import Guarded
from services.availability.inventories.manners import Manners
from services.availability.inventories.ordering import Line, Ordered, Ordering
from services.availability.inventories.pms import Pms
from services.availability.inventories.port import InventoryAway, RoomOrder
from services.availability.records import Records
from services.availability.repository import Repository
from shared import outbox
from shared.clock import Clock, system_clock
from shared.contracts.availability import (
    CancelOrders,
    OrderedRoom,
    OrderRooms,
    OrdersCancelled,
    OutsideOrdered,
    OutsideSeen,
    RoomsNotOrdered,
)
from shared.contracts.common import Policy, Reason, RefusalDetails
from shared.contracts.notifications import StaffAlerted
from shared.database import Database
from shared.messages import Message, Outgoing
from shared.relay import Relay

log = structlog.get_logger(__name__)

AT_ONCE = 8
POLL_SECONDS = 0.1
LEASE = timedelta(seconds=60)
RENEW_SECONDS = 20.0
SOURCE = "posada/availability"

# The first errand of each booking that nobody runs; of those without a booking any.
_CLAIM = """
UPDATE outside_errands SET leased_until = $1 + $2 WHERE number IN (
  SELECT e.number FROM outside_errands e
  WHERE (e.leased_until IS NULL OR e.leased_until < $1) AND NOT EXISTS (
    SELECT 1 FROM outside_errands before WHERE before.booking_id = e.booking_id AND before.number < e.number)
  ORDER BY e.number LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, booking_id, kind, property_id, body"""
_RENEW = "UPDATE outside_errands SET leased_until = $2::timestamptz + $3::interval WHERE id = $1"
_DONE = "DELETE FROM outside_errands WHERE id = $1 RETURNING 1"


@dataclass
class _System:
    """A connection to one property's system, for as long as its record stays the same."""

    record: OutsideRecord
    pms: Pms
    guarded: Guarded


class Errands:
    """The errands of one instance; several share them."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        records: Records,
        clock: Clock = system_clock,
        *,
        manners: Manners | None = None,
        dice: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._database = database
        self._repository = repository
        self._records = records
        self._clock = clock
        self._manners = manners or Manners()
        self._dice = dice
        self._journal = Attempts(database, clock)
        self._systems: dict[str, _System] = {}

    async def run(self, relay: Relay) -> None:
        """Run errands for ever."""
        try:
            while True:
                if not await self.turn(relay):
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            systems, self._systems = self._systems, {}  # after a fault it runs again, with clients of its own
            for system in systems.values():
                await system.guarded.close()

    async def turn(self, relay: Relay) -> int:
        """Run those that are due now; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_CLAIM, self._clock(), LEASE, AT_ONCE)
        results = await asyncio.gather(*[self._one(row, relay) for row in rows], return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(rows)

    async def free_rooms(self, property_id: str, stay: Stay) -> dict[str, tuple[str, ...]]:
        """What a property's system calls free.

        Raises:
            InventoryAway: when it does not answer.
        """
        system = await self._system(property_id)
        return dict(await system.guarded.free_rooms(stay))

    async def _one(self, row: dict[str, object], relay: Relay) -> None:
        errand_id = row["id"]
        assert isinstance(errand_id, UUID)  # noqa: S101
        renewing = asyncio.create_task(self._renew(errand_id))
        try:
            messages = await self._do(str(row["kind"]), str(row["property_id"]), str(row["body"]))
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        now = self._clock()
        sends = [outbox.row_of(Outgoing.of(message), SOURCE, None, now) for message in messages]
        async with self._database.transaction() as connection:
            if await connection.fetchval(_DONE, errand_id) is None:
                return  # another instance was faster
            await outbox.add(connection, sends, now)
        await relay.send(sends)

    async def _renew(self, errand_id: UUID) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            async with self._database.connection() as connection:
                await connection.execute(_RENEW, errand_id, self._clock(), LEASE)

    async def _do(self, kind: str, property_id: str, body: str) -> Sequence[Message]:
        if kind == LOOK:
            return [await self._look(property_id, OutsideSeen.model_validate_json(body))]
        if kind == ORDER:
            return await self._order(OrderRooms.model_validate_json(body))
        return await self._cancel(CancelOrders.model_validate_json(body))

    async def _look(self, property_id: str, asked: OutsideSeen) -> Message:
        try:
            free = await self.free_rooms(property_id, Stay(asked.check_in, asked.check_out))
        except InventoryAway as fault:
            return asked.model_copy(update={"problem": str(fault)})
        return asked.model_copy(update={"free": free})

    async def _order(self, command: OrderRooms) -> Sequence[Message]:
        async with self._database.connection() as connection:
            hold = await self._repository.hold(connection, command.booking_id)
        if hold is None:
            raise ValueError(f"booking {command.booking_id} has no hold")
        ordering = await self._ordering(command.property_id)
        lines = [_line(command, number, hold.stay) for number in range(len(command.rooms))]
        best_effort = command.policy is Policy.BEST_EFFORT
        done = await ordering.book(command.booking_id, lines, command.avoid_rooms, best_effort=best_effort)
        return [_reply(command, done), *_alert(command.booking_id, done.for_staff, done)]

    async def _cancel(self, command: CancelOrders) -> Sequence[Message]:
        ordering = await self._ordering(command.property_id)
        attempts = await self._journal.attempts(command.booking_id)
        await ordering.undo(command.booking_id, attempts)
        staff = to_staff(attempts, can_cancel=ordering.inventory.can_cancel)
        done = Ordered(attempts=tuple(attempts))
        return [OrdersCancelled(booking_id=command.booking_id), *_alert(command.booking_id, staff, done)]

    async def _ordering(self, property_id: str) -> Ordering:
        system = await self._system(property_id)
        record = system.record
        pause = timedelta(seconds=float(record.pause_seconds))
        patience = Patience(record.attempts, pause, self._manners.pause_growth)
        return Ordering(
            system.guarded,
            self._journal,
            patience,
            self._journal.held_by_others,
            self._journal.secure,
            dice=self._dice(),
        )

    async def _system(self, property_id: str) -> _System:
        records = [one async for one in self._records.listing("outside", property_id)]
        if not records or not isinstance(records[0], OutsideRecord):
            raise InventoryAway(f"property {property_id} has no outside system")
        record, known = records[0], self._systems.get(property_id)
        if known is None or known.record != record:
            pms = Pms(
                record.base_url,
                record.prefix,
                {},
                cancels=record.cancels,
                seconds=float(record.seconds),
                token=self._manners.tokens.get(property_id),
            )
            guarded = Guarded(pms, threshold=self._manners.failures, open_seconds=self._manners.rest_seconds)
            known = self._systems[property_id] = _System(record, pms, guarded)
        rooms = [one async for one in self._records.listing("room", property_id)]
        known.pms.types = {one.room: one.type for one in rooms if isinstance(one, RoomRecord)}
        return known


def _line(command: OrderRooms, number: int, stay: Stay) -> Line:
    room = command.rooms[number]
    order = RoomOrder(
        key=command.booking_id,
        room=room.room,
        type=room.type,
        stay=stay,
        guest=command.guest,
        adults=room.adults,
        children_0_to_5=room.children_0_to_5,
        children_6_to_10=room.children_6_to_10,
        package=command.package,
        payment_method=command.payment_method,
        amount=room.amount,
        payer=command.payer,
        extra_beds=room.extra_beds,
        extra_beds_cost=room.extra_beds_cost,
        instructions=command.instructions if number == 0 else "",
    )
    return Line(Wanted(room.line, room.type, room.room), order)


def _reply(command: OrderRooms, done: Ordered) -> Message:
    if done.failed_line is None:
        booked = sorted(done.booked, key=lambda one: one.line)
        rooms = tuple(OrderedRoom(line=one.line, room=one.room, code=one.code) for one in booked)
        return OutsideOrdered(booking_id=command.booking_id, rooms=rooms, failed=done.missed, language=command.language)
    tried = [one.room for one in done.attempts if one.line == done.failed_line]
    text = f"room {done.failed_line} could not be booked; {len(tried)} rooms were tried"
    details = RefusalDetails(reason=Reason.ROOM_FAILED, text=text, details={"room": done.failed_line, "tried": tried})
    return RoomsNotOrdered(booking_id=command.booking_id, refusal=details)


def _alert(booking_id: UUID, text: str, done: Ordered) -> list[Message]:
    if not text:
        return []
    codes = [one.code for one in done.attempts if one.code]
    details = {"codes": codes, "attempts": [f"{one.room}: {one.fate}" for one in done.attempts]}
    text = f"In the hotel's system: {text}"
    return [StaffAlerted(booking_id=booking_id, code="outside_orders", text=text, details=details)]
