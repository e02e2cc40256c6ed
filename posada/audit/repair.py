"""Mending: what a booking that came to nothing still keeps is given back, by the commands that a saga would send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from posada.audit.booking_reads import check_has_read, requested
from posada.audit.booking_snapshot import BookingSnapshot
from posada.audit.database_snapshots import snapshots
from posada.audit.finding import Finding
from posada.audit.invariant import MEND
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


def was_promised(dossier: BookingSnapshot) -> bool:
    """Whether booking does not know a booking that was confirmed, as after its restore until it has read on."""
    confirmed = "confirmed" in (dossier.announced or ()) or dossier.held_as == "booked" or dossier.paid_as == "captured"
    return dossier.booking is None and confirmed


def releases(dossier: BookingSnapshot, *, even_promised: bool = False) -> list[Message]:
    """What gives back rooms and money of a booking that booking does not know, or that has ended with nothing.

    Of any other nothing is given back: its saga does that, or a person. Captured money is refunded, never released.
    What a guest was promised is not given back either, unless `even_promised`.
    """
    if was_promised(dossier) and not even_promised:
        return []
    over = dossier.unknown or (dossier.booking is not None and dossier.settled and dossier.status in HAVE_NONE)
    sends: list[Message] = []
    if over and dossier.hold and dossier.held_as in {"held", "booked", "freed"}:
        place = dossier.hold["property_id"]
        sends.append(ReleaseRooms(booking_id=dossier.id, property_id=place))
        if dossier.hold["outside"]:
            sends.append(CancelOrders(booking_id=dossier.id, property_id=place))
    if over and dossier.paid_as in LOOKED_FOR:
        sends.append(ReleasePayment(booking_id=dossier.id))
    return sends


def mended(
    found: Iterable[BookingSnapshot], *, asked_for: Set[UUID], moving: Set[UUID], even_promised: bool = False
) -> Repaired:
    """What is to be sent for these, and whom to leave.

    `asked_for` are all bookings of requests that a rewind would find, `moving` those that messages are about.
    """
    result = Repaired()
    for dossier in found:
        if not (sends := releases(dossier, even_promised=True)):
            continue
        if dossier.id in moving:
            result.moving.append(dossier.id)
        elif dossier.unknown and dossier.id in asked_for:
            result.asked_for.append(dossier.id)
        elif was_promised(dossier) and not even_promised:
            result.promised.append(dossier.id)
        else:
            result.sent.extend(sends)
    return result


async def mend(
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
    subjects = sorted({UUID(finding.subject) for finding in findings if finding.remedy == MEND})
    if not subjects:
        return Repaired()
    await check_has_read(bootstrap, within_s)
    async with TopicReader(bootstrap) as topics:
        books = await topics.look()
    if books.much_unread:
        text = f"{books.unread} messages are unread, too many to tell whom they are about: wait until the services have"
        raise Problem(f"{text} read them, and mend then.", Exit.NO)
    asked_for = await requested(bootstrap)
    async with snapshots(urls) as seen:
        found = [await seen.dossier(subject) for subject in subjects]
        moving = books.in_flight | await seen.on_their_way()
    for dossier in found:
        dossier.announced = tuple(books.announced.get(dossier.id, ()))
    result = mended(found, asked_for=asked_for, moving=moving, even_promised=even_promised)
    async with producer(bootstrap, seal) as client:
        for send in result.sent:
            await (await publish(client, send))
    return result
