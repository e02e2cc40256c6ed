"""What each call to an external system does: look, order, cancel; and what is said of one that was given up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.availability.external import model
from services.availability.external.booking import CUT_SHORT, ExternalRoomBooking, Line, Ordered
from services.availability.external.clients import ExternalClients
from services.availability.external.model import GIVE_UP, LOOK, ORDER
from services.availability.external.port import InventoryUnavailable, RoomOrder
from services.availability.external.selection import Attempt, AttemptStatus, Wanted, to_staff
from services.availability.external.store import BookingAttemptJournal
from services.availability.repository import Repository
from services.availability.stay import Stay
from services.availability.unit_of_work import ExternalJob
from shared.contracts.availability import (
    CancelOrders,
    GiveUpStays,
    OrderedRoom,
    OrderRooms,
    OrdersCancelled,
    OutsideOrdered,
    OutsideSeen,
    RoomsNotOrdered,
    StaysGivenUp,
)
from shared.contracts.common import Policy, Reason, RefusalDetails
from shared.contracts.notifications import StaffAlerted
from shared.database.pool import Database
from shared.errors import CallFailed
from shared.messages.message import Message


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a call: messages, and calls that follow.

    With a `problem` it was given up and stays, for a person to begin it anew.
    """

    messages: Sequence[Message] = ()
    follows: Sequence[ExternalJob] = ()
    problem: str = ""


class JobExecutor:
    """Makes the calls, each outside any transaction."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        clients: ExternalClients,
        journal: BookingAttemptJournal,
        dice: Callable[[], random.Random],
    ) -> None:
        self._database = database
        self._repository = repository
        self._clients = clients
        self._journal = journal
        self._dice = dice

    async def execute(self, job: ExternalJob) -> JobResult:
        """Make a call.

        Raises:
            Exception: whatever went wrong; it may be made again.
        """
        if job.kind == LOOK:
            return JobResult([await self._look(job.property_id, OutsideSeen.model_validate_json(job.body))])
        if job.kind == ORDER:
            return await self._order(OrderRooms.model_validate_json(job.body))
        if job.kind == GIVE_UP:
            return await self._give_up(GiveUpStays.model_validate_json(job.body))
        return await self._cancel(CancelOrders.model_validate_json(job.body))

    async def abandon(self, job: ExternalJob, problem: str, attempts: int, journal: BookingAttemptJournal) -> JobResult:
        """The end of a call that failed too often: the saga is answered, and staff alerted to what is left."""
        if job.kind == LOOK:
            return JobResult([OutsideSeen.model_validate_json(job.body).model_copy(update={"problem": problem})])
        if job.kind == ORDER:
            command = OrderRooms.model_validate_json(job.body)
            undo = CancelOrders(booking_id=command.booking_id, property_id=command.property_id)
            return JobResult([_not_ordered(command, problem)], follows=[model.cancel(undo)])
        if job.kind == GIVE_UP:
            given_up = GiveUpStays.model_validate_json(job.body)
            codes = ", ".join(given_up.stays.values())
            text = f"{codes} could not be cancelled, {attempts} times ({problem}): cancel them there by hand"
            return JobResult(
                [_given_up(given_up), *_alert(given_up, text, await _of(journal, given_up))], problem=problem
            )
        undo = CancelOrders.model_validate_json(job.body)
        tried = await _as_left(journal, undo.booking_id)
        answers = [OrdersCancelled(booking_id=undo.booking_id)]
        if not (staff := to_staff(tried, can_cancel=False)):
            return JobResult(answers)
        advice = f"it was tried {attempts} times ({problem}); once the system answers: posada rooms retry"
        alert = _alert(undo, f"{staff}; {advice} {undo.booking_id}", tried)
        return JobResult([*answers, *alert], problem=problem)

    async def _look(self, property_id: str, asked: OutsideSeen) -> Message:
        try:
            free = await self._clients.free_rooms(property_id, Stay(asked.check_in, asked.check_out))
        except InventoryUnavailable as fault:
            return asked.model_copy(update={"problem": str(fault)})
        return asked.model_copy(update={"free": free})

    async def _order(self, command: OrderRooms) -> JobResult:
        async with self._database.connection() as connection:
            hold = await self._repository.hold(connection, command.booking_id)
        if hold is None:
            raise CallFailed(f"booking {command.booking_id} has no hold")
        ordering = await self._ordering(command.property_id)
        lines = [_line(command, number, hold.stay) for number in range(len(command.rooms))]
        best_effort = command.policy is Policy.BEST_EFFORT
        done = await ordering.book(command.booking_id, lines, command.avoid_rooms, best_effort=best_effort)
        reply = _reply(command, done)
        undo = CancelOrders(booking_id=command.booking_id, property_id=command.property_id)
        if done.failed_line is not None and _left(ordering, done.attempts):
            return JobResult([reply], follows=[model.cancel(undo)])  # tried again there, and else staff are alerted
        return JobResult([reply, *_alert(undo, done.for_staff, done.attempts)])

    async def _cancel(self, command: CancelOrders) -> JobResult:
        ordering = await self._ordering(command.property_id)
        attempts = await self._journal.attempts(command.booking_id)
        await ordering.undo(command.booking_id, attempts)
        if left := _left(ordering, attempts):
            raise InventoryUnavailable(left[0].problem)
        staff = to_staff(attempts, can_cancel=ordering.inventory.can_cancel)
        return JobResult([OrdersCancelled(booking_id=command.booking_id), *_alert(command, staff, attempts)])

    async def _give_up(self, command: GiveUpStays) -> JobResult:
        ordering = await self._ordering(command.property_id)
        attempts = await _of(self._journal, command)
        await ordering.undo(command.booking_id, attempts)
        if left := _left(ordering, attempts):
            raise InventoryUnavailable(left[0].problem)
        staff = to_staff(attempts, can_cancel=ordering.inventory.can_cancel)
        return JobResult([_given_up(command), *_alert(command, staff, attempts)])

    async def _ordering(self, property_id: str) -> ExternalRoomBooking:
        system, journal = await self._clients.of(property_id), self._journal
        return ExternalRoomBooking(
            system.guarded, journal, system.patience, journal.held_by_others, journal.secure, dice=self._dice()
        )


async def _of(journal: BookingAttemptJournal, command: GiveUpStays) -> list[Attempt]:
    """The attempts that booked the stays which are given up."""
    return [one for one in await journal.attempts(command.booking_id) if one.code in command.stays.values()]


def _given_up(command: GiveUpStays) -> StaysGivenUp:
    return StaysGivenUp(booking_id=command.booking_id, change=command.change)


async def _as_left(journal: BookingAttemptJournal, booking_id: UUID) -> list[Attempt]:
    """The attempts of a booking, those in doubt whose end is not recorded."""
    attempts = []
    for attempt in await journal.attempts(booking_id):
        if attempt.status is AttemptStatus.CALLING:
            attempt = replace(attempt, status=AttemptStatus.DOUBTFUL, problem=CUT_SHORT)  # noqa: PLW2901
            await journal.note(booking_id, attempt)
        attempts.append(attempt)
    return attempts


def _left(ordering: ExternalRoomBooking, attempts: Sequence[Attempt]) -> list[Attempt]:
    """What should have been cancelled, and could not be although the system cancels."""
    return [one for one in attempts if one.to_be_cancelled] if ordering.inventory.can_cancel else []


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
        **command.guest_facts.model_dump(),
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


def _not_ordered(command: OrderRooms, problem: str) -> Message:
    """The answer to an order that was given up, whose rooms are cancelled."""
    first = min((room.line for room in command.rooms), default=1)
    text = f"room {first} could not be booked; the property's system could not be asked"
    details = RefusalDetails(reason=Reason.ROOM_FAILED, text=text, details={"room": first, "problem": problem})
    return RoomsNotOrdered(booking_id=command.booking_id, refusal=details)


def _alert(command: CancelOrders | GiveUpStays, text: str, attempts: Sequence[Attempt]) -> list[Message]:
    if not text:
        return []
    details = {
        "property_id": command.property_id,
        "codes": [one.code for one in attempts if one.code],
        "attempts": [f"{one.room}: {one.status}" for one in attempts],
    }
    text = f"In the hotel's system: {text}"
    return [StaffAlerted(booking_id=command.booking_id, code="outside_orders", text=text, details=details)]
