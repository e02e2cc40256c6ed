"""What availability does, one function a command: (inventory, command, now) gives messages or raises a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from services.availability.domain import changing, holding, outside, quoting
from services.availability.domain.counting import free_counts, shortages
from services.availability.domain.hold import Change, Hold, State
from services.availability.domain.inventory import Inventory
from services.availability.domain.stay import Stay, stay_from
from services.availability.wording import Wording
from shared.contracts.availability import (
    BookRooms,
    CancelOrders,
    ChangeDropped,
    ChangeKept,
    ChangeRooms,
    CountAnswered,
    CountInvalid,
    CountRequested,
    DropChange,
    ExtendHold,
    FailedRoom,
    FreeRooms,
    HoldDue,
    HoldExpired,
    HoldRooms,
    KeepChange,
    OrderedRoom,
    OrderRooms,
    OutsideOrdered,
    OutsideSeen,
    QuoteAnswered,
    QuoteInvalid,
    QuoteRequested,
    ReleaseRooms,
    RoomsBooked,
    RoomsChanged,
    RoomsFreed,
    RoomsHeld,
    RoomsNotChanged,
    RoomsNotHeld,
    RoomsNotOrdered,
    RoomsOrdered,
    RoomsReleased,
)
from shared.contracts.common import Language, Reason, RefusalDetails
from shared.errors import Refusal
from shared.messages import Message

wording = Wording(Path(__file__).parent / "texts")


def count_rooms(inventory: Inventory, request: CountRequested, now: datetime) -> Iterable[Message]:
    """Free rooms of every type, and whether what is wanted can be had."""
    house = inventory.house(request.property_id)
    stay = stay_from(request.check_in, request.check_out, house.today(now))
    wanted = [house.room_type(wish.type).key for wish in request.wanted for _ in range(wish.count)]
    if house.outside and (house.id, stay) not in inventory.seen_outside:
        inventory.errands.append(outside.look(house, stay, count=request))
        return
    counts = free_counts(inventory, house, stay)
    short = shortages(wanted, counts)
    yield CountAnswered(
        request_id=request.request_id,
        success=True,
        can_fulfill=not short,
        available_counts=counts,
        shortages=short,
        message=wording.count(house, stay, counts, short, request.language, wanted=bool(wanted)),
    )


def count_refused(request: CountRequested, refusal: Refusal) -> Message:
    """The answer to a count that cannot be made."""
    error = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return _no_count(request.request_id, error, request.language)


def refuse_invalid_count(_: Inventory, asked: CountInvalid, __: datetime) -> Iterable[Message]:
    """Say what is wrong with a request for a count."""
    yield _no_count(asked.request_id, asked.error, asked.language)


def quote_rooms(inventory: Inventory, request: QuoteRequested, now: datetime) -> Iterable[Message]:
    """What the rooms cost, under the package that is named or under each that applies."""
    house = inventory.house(request.property_id)
    stay = stay_from(request.check_in, request.check_out, house.today(now))
    plans = quoting.quote(house, stay, request.rooms, request.package)
    yield QuoteAnswered(
        request_id=request.request_id,
        success=True,
        currency=house.currency,
        plans=plans,
        message=wording.quote(house, stay, plans, request.language),
    )


def quote_refused(request: QuoteRequested, refusal: Refusal) -> Message:
    """The answer to a quote that cannot be made."""
    error = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return _no_quote(request.request_id, error, request.language)


def refuse_invalid_quote(_: Inventory, asked: QuoteInvalid, __: datetime) -> Iterable[Message]:
    """Say what is wrong with a request for a quote."""
    yield _no_quote(asked.request_id, asked.error, asked.language)


def hold_rooms(inventory: Inventory, command: HoldRooms, now: datetime) -> Iterable[Message]:
    """Price every room and hold them all in one step, or under best effort those that can be had."""
    known = inventory.holds.get(command.booking_id)
    if known and known.state is not State.FREED:
        yield _answer_again(known)
        return
    house = inventory.house(command.property_id)
    stay = known.stay if known else stay_from(command.check_in, command.check_out, house.today(now))
    if house.outside and (house.id, stay) not in inventory.seen_outside:
        inventory.errands.append(outside.look(house, stay, hold=command))
        return
    if known:
        yield _hold_again(inventory, known, command, now)
        return
    found = holding.find_rooms(inventory, house, stay, command, wording)
    answer = RoomsHeld(
        booking_id=command.booking_id,
        rooms=found.held,
        failed=found.failed,
        total=found.total,
        currency=house.currency,
        expires_at=inventory.expiry(house, now),
        outside=house.outside is not None,
    )
    rooms = tuple(room.room for room in found.held)
    inventory.add(
        Hold(command.booking_id, house.id, State.HELD, stay, rooms, answer.expires_at, answer=answer.model_dump_json())
    )
    yield answer


def look_outside(inventory: Inventory, seen: OutsideSeen, now: datetime) -> Iterable[Message]:
    """Go on with a count or a hold, now that it is known what the outside system calls free."""
    if seen.free is None:
        raise Refusal(outside.AWAY, f"the property's system does not answer ({seen.problem}); ask again in a moment")
    house = inventory.house(seen.property_id)
    stay = Stay(seen.check_in, seen.check_out)
    inventory.narrow(house, stay, seen.free)
    if seen.count:
        yield from count_rooms(inventory, seen.count, now)
    if seen.hold:
        yield from hold_rooms(inventory, seen.hold, now)


def outside_not_seen(seen: OutsideSeen, refusal: Refusal) -> Message:
    """The answer to whoever asked."""
    if seen.hold:
        return rooms_not_held(seen.hold, refusal)
    if seen.count is None:
        raise refusal
    return count_refused(seen.count, refusal)


def order_rooms(inventory: Inventory, command: OrderRooms, _: datetime) -> Iterable[Message]:
    """Have the held rooms booked in the outside system. That there is a hold is the saga's promise."""
    hold = inventory.holds[command.booking_id]
    if hold.state is State.RELEASED:
        raise Refusal("hold_released", "this booking's rooms were released before")
    if hold.codes:
        if len(hold.codes) < len(command.rooms):
            raise Refusal("ordered_in_part", "this booking's rooms were ordered before, as far as they could be had")
        yield _ordered(hold, command)
        return
    inventory.errands.append(outside.order(command))


def rooms_not_ordered(command: OrderRooms, refusal: Refusal) -> Message:
    """The answer to an order that cannot be begun."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotOrdered(booking_id=command.booking_id, refusal=details)


def rooms_ordered(inventory: Inventory, ordered: OutsideOrdered, _: datetime) -> Iterable[Message]:
    """The hold has the rooms that it really got; where it was released meanwhile, what follows cancels them."""
    hold = inventory.holds[ordered.booking_id]
    if hold.state is not State.RELEASED:
        inventory.swap(hold.ordered({room.room: room.code for room in ordered.rooms}))
    yield RoomsOrdered(booking_id=ordered.booking_id, rooms=ordered.rooms, failed=_missed(hold, ordered))


def cancel_orders(inventory: Inventory, command: CancelOrders, _: datetime) -> Iterable[Message]:
    """Undo what the outside system has booked, after any call that is still under way."""
    inventory.errands.append(outside.cancel(command))
    return ()


def rooms_not_held(command: HoldRooms, refusal: Refusal) -> Message:
    """The answer to a hold that is refused."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotHeld(booking_id=command.booking_id, refusal=details)


def extend_hold(inventory: Inventory, command: ExtendHold, _: datetime) -> Iterable[Message]:
    """Keep the rooms for longer; of a hold that is booked or over there is nothing to extend."""
    hold = inventory.holds.get(command.booking_id)
    if hold:
        inventory.put(hold.extended(command.until))
    return ()


def book_rooms(inventory: Inventory, command: BookRooms, _: datetime) -> Iterable[Message]:
    """Make the hold a booking. That there is a hold is the saga's promise: a missing one is a fault."""
    hold = inventory.holds[command.booking_id]
    inventory.put(hold.booked(command.codes))
    yield RoomsBooked(booking_id=command.booking_id, rooms=hold.rooms)


def release_rooms(inventory: Inventory, command: ReleaseRooms, now: datetime) -> Iterable[Message]:
    """Free what the booking has; where it has nothing yet, see to it that it never will."""
    hold = inventory.holds.get(command.booking_id)
    if hold and hold.state is not State.RELEASED:
        inventory.release(hold.released())
    elif not hold:
        inventory.put(holding.never_held(command.booking_id, command.property_id, now))
    yield RoomsReleased(booking_id=command.booking_id, rooms=hold.rooms if hold else ())


def free_rooms(inventory: Inventory, command: FreeRooms, _: datetime) -> Iterable[Message]:
    """Let others have the rooms until they are held again; of what is not held there is nothing to free."""
    hold = inventory.holds.get(command.booking_id)
    freed = hold.freed() if hold else None
    if hold and freed and freed is not hold:
        inventory.release(freed)
    rooms = hold.rooms if hold and hold.state is State.HELD else ()
    yield RoomsFreed(booking_id=command.booking_id, rooms=rooms)


def change_rooms(inventory: Inventory, command: ChangeRooms, now: datetime) -> Iterable[Message]:
    """Hold a booking's rooms on other nights as well, priced anew; asked again, the answer is the same."""
    known = inventory.holds.get(command.booking_id)
    if known and known.change and known.change.number == command.change:
        yield RoomsChanged.model_validate_json(known.change.answer)
        return
    house = inventory.house(command.property_id)
    hold = changing.check_may_change(known, command, house)
    stay = stay_from(command.check_in, command.check_out, house.today(now))
    rooms = changing.find_rooms(inventory, house, hold, command, wording)
    answer = RoomsChanged(
        booking_id=hold.booking_id,
        change=command.change,
        rooms=tuple(rooms),
        total=changing.total_of(rooms),
        currency=house.currency,
    )
    codes = tuple((room.room, wish.code) for room, wish in zip(rooms, command.rooms, strict=True))
    inventory.reshape(hold.changing(Change(command.change, stay, codes, answer.model_dump_json())))
    yield answer


def rooms_not_changed(command: ChangeRooms, refusal: Refusal) -> Message:
    """The answer to a change that is refused."""
    details = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return RoomsNotChanged(booking_id=command.booking_id, change=command.change, refusal=details)


def keep_change(inventory: Inventory, command: KeepChange, _: datetime) -> Iterable[Message]:
    """The booking has its new nights alone; done twice, or after its release, it changes nothing."""
    hold = inventory.holds.get(command.booking_id)
    if hold and hold.state is State.BOOKED:
        inventory.reshape(hold.kept(command.change))
    yield ChangeKept(booking_id=command.booking_id, change=command.change)


def drop_change(inventory: Inventory, command: DropChange, _: datetime) -> Iterable[Message]:
    """The booking has its old nights alone, also where the change has not come yet."""
    hold = inventory.holds.get(command.booking_id)
    if hold and hold.state is State.BOOKED:
        inventory.reshape(hold.dropped(command.change))
    yield ChangeDropped(booking_id=command.booking_id, change=command.change)


def hold_due(inventory: Inventory, wake_up: HoldDue, now: datetime) -> Iterable[Message]:
    """Tell the owner of a hold whose time is up; only the owner knows whether it was confirmed meanwhile."""
    hold = inventory.holds.get(wake_up.booking_id)
    if hold and hold.is_due(now):
        yield HoldExpired(booking_id=hold.booking_id, property_id=hold.property_id, expired_at=hold.expires_at)


def _hold_again(inventory: Inventory, known: Hold, command: HoldRooms, now: datetime) -> Message:
    house = inventory.house(known.property_id)
    rooms = holding.find_again(inventory, house, known, command, wording)
    hold = known.held_again(tuple(room.room for room in rooms), inventory.expiry(house, now))
    inventory.add(hold)
    return _as_it_is(hold)


def _ordered(hold: Hold, command: OrderRooms) -> Message:
    """The same answer again; the rooms of a hold stand in the order of its lines."""
    lines = sorted(room.line for room in command.rooms)
    codes = dict(hold.codes)
    rooms = [OrderedRoom(line=line, room=room, code=codes[room]) for line, room in zip(lines, hold.rooms, strict=True)]
    return RoomsOrdered(booking_id=hold.booking_id, rooms=tuple(rooms))


def _missed(hold: Hold, ordered: OutsideOrdered) -> tuple[FailedRoom, ...]:
    """The lines that the outside system had no room for, in the guest's words."""
    if not ordered.failed:
        return ()
    lines = {room.line: room for room in RoomsHeld.model_validate_json(hold.answer).rooms}
    return tuple(
        FailedRoom(
            line=line,
            type=lines[line].type,
            reason=Reason.ROOM_FAILED,
            text=wording.missed(lines[line].type_label, Reason.ROOM_FAILED, ordered.language),
        )
        for line in ordered.failed
    )


def _no_count(request_id: str, error: RefusalDetails, language: Language) -> Message:
    return CountAnswered(request_id=request_id, success=False, message=wording.no_count(error, language), error=error)


def _no_quote(request_id: str, error: RefusalDetails, language: Language) -> Message:
    message = wording.no_quote(error, language)
    return QuoteAnswered(request_id=request_id, success=False, message=message, error=error)


def _answer_again(hold: Hold) -> Message:
    if hold.state is State.RELEASED:
        details = RefusalDetails(reason="hold_released", text="this booking's rooms were released before")
        return RoomsNotHeld(booking_id=hold.booking_id, refusal=details)
    return _as_it_is(hold)


def _as_it_is(hold: Hold) -> RoomsHeld:
    """The first answer, with the rooms that the hold has now: they stand in the order of its lines."""
    answer = RoomsHeld.model_validate_json(hold.answer)
    if tuple(room.room for room in answer.rooms) == hold.rooms:
        return answer
    rooms = [line.model_copy(update={"room": room}) for line, room in zip(answer.rooms, hold.rooms, strict=True)]
    return answer.model_copy(update={"rooms": tuple(rooms), "expires_at": hold.expires_at})
