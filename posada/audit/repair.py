"""Repairs: what a booking that came to nothing still keeps is given back, by the commands that a saga would send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from posada.audit.booking_reads import check_has_read, requested
from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.database_snapshots import snapshots
from posada.audit.finding import Finding
from posada.audit.invariant import REPAIR
from posada.audit.rules.money import LOOKED_FOR
from posada.audit.rules.rooms import HAVE_NONE
from posada.audit.topic_snapshot import TopicReader
from posada.client.booking_events import producer, publish
from posada.problems import Exit, Problem
from shared.contracts.availability import CancelOrders, ReleaseRooms
from shared.contracts.payments import ReleasePayment
from shared.messages.message import Message
from shared.messages.record_auth import Seal

WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was sent, and the bookings that were left as they are.

    `promised`: their guests have a promise. `asked_for`: booking does not know them, and their requests stand where a
    rewind finds them. `moving`: a message about them is on its way.
    """

    sent: list[Message] = field(default_factory=list)
    promised: list[UUID] = field(default_factory=list)
    asked_for: list[UUID] = field(default_factory=list)
    moving: list[UUID] = field(default_factory=list)


def was_promised(snapshot: BookingSnapshot) -> bool:
    """Whether booking does not know a booking that was confirmed, as after its restore until it has read on."""
    confirmed = (
        "confirmed" in (snapshot.announced or ()) or snapshot.held_as == "booked" or snapshot.paid_as == "captured"
    )
    return snapshot.booking is None and confirmed


def releases(snapshot: BookingSnapshot, *, even_promised: bool = False) -> list[Message]:
    """What gives back rooms and money of a booking that booking does not know, or that has ended with nothing.

    Of any other nothing is given back: its saga does that, or a person. Captured money is refunded, never released.
    What a guest was promised is not given back either, unless `even_promised`.
    """
    if was_promised(snapshot) and not even_promised:
        return []
    over = snapshot.unknown or (snapshot.booking is not None and snapshot.settled and snapshot.status in HAVE_NONE)
    sends: list[Message] = []
    if over and snapshot.hold and snapshot.held_as in {"held", "booked", "freed"}:
        place = snapshot.hold["property_id"]
        sends.append(ReleaseRooms(booking_id=snapshot.id, property_id=place))
        if snapshot.hold["outside"]:
            sends.append(CancelOrders(booking_id=snapshot.id, property_id=place))
    if over and snapshot.paid_as in LOOKED_FOR:
        sends.append(ReleasePayment(booking_id=snapshot.id))
    return sends


def plan_repair(
    found: Iterable[BookingSnapshot], *, asked_for: Set[UUID], moving: Set[UUID], even_promised: bool = False
) -> Repaired:
    """What is to be sent for these, and whom to leave.

    `asked_for` are all bookings of requests that a rewind would find, `moving` those that messages are about.
    """
    result = Repaired()
    for snapshot in found:
        if not (sends := releases(snapshot, even_promised=True)):
            continue
        if snapshot.id in moving:
            result.moving.append(snapshot.id)
        elif snapshot.unknown and snapshot.id in asked_for:
            result.asked_for.append(snapshot.id)
        elif was_promised(snapshot) and not even_promised:
            result.promised.append(snapshot.id)
        else:
            result.sent.extend(sends)
    return result


async def repair(
    urls: Mapping[str, str],
    bootstrap: str,
    findings: Iterable[Finding],
    *,
    seal: Seal | None,
    even_promised: bool = False,
    within_s: float = WITHIN_S,
) -> Repaired:
    """Give back what findings say nobody owns, as far as that is still so; commands to the services bear the seal.

    Booking has `within_s` seconds to read what stands on its topics: a request that it has not read yet owns rooms too.

    Raises:
        Problem: when it does not run, or has not read that by then, or too much is unread by the others.
    """
    subjects = sorted({UUID(finding.subject) for finding in findings if finding.remedy == REPAIR})
    if not subjects:
        return Repaired()
    await check_has_read(bootstrap, within_s)
    async with TopicReader(bootstrap) as reader:
        topics = await reader.look()
    if topics.much_unread:
        text = (
            f"{topics.unread} messages are unread, too many to tell whom they are about: wait until the services have"
        )
        raise Problem(f"{text} read them, and mend then.", Exit.NO)
    asked_for = await requested(bootstrap)
    async with snapshots(urls) as databases:
        found = [await databases.snapshot(subject) for subject in subjects]
        moving = topics.in_flight | await databases.on_their_way()
    for snapshot in found:
        snapshot.announced = tuple(topics.announced.get(snapshot.id, ()))
    result = plan_repair(found, asked_for=asked_for, moving=moving, even_promised=even_promised)
    async with producer(bootstrap, seal) as client:
        for send in result.sent:
            await (await publish(client, send))
    return result
