"""Mending: what a booking that came to nothing still keeps is given back, by the commands that a saga would send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from posada.audit.dossier import Dossier
from posada.audit.finding import Finding
from posada.audit.rules.money import LOOKED_FOR
from posada.audit.rules.rooms import HAVE_NONE
from posada.audit.snapshots import snapshots
from posada.audit.topic_books import TopicReader
from posada.wire import producer, publish
from shared.contracts.availability import ReleaseRooms
from shared.contracts.payments import ReleasePayment
from shared.messages import Message

MENDABLE: Final = {"rooms-have-an-owner", "ended-has-no-rooms", "money-has-an-owner", "ended-has-no-money"}


@dataclass(frozen=True, slots=True)
class Mended:
    """What was sent, and the bookings of which nothing was given back because their guests have a promise."""

    sent: list[Message]
    promised: list[UUID]


def was_promised(dossier: Dossier) -> bool:
    """Whether booking does not know a booking that was confirmed, as after its restore until it has read on."""
    confirmed = "confirmed" in (dossier.announced or ()) or dossier.held_as == "booked" or dossier.paid_as == "captured"
    return dossier.booking is None and confirmed


def releases(dossier: Dossier, *, even_promised: bool = False) -> list[Message]:
    """What gives back rooms and money of a booking that booking does not know, or that has ended with nothing.

    Of any other nothing is given back: its saga does that, or a person. Captured money is refunded, never released.
    What a guest was promised is not given back either, unless `even_promised`.
    """
    if was_promised(dossier) and not even_promised:
        return []
    over = dossier.booking is None or (dossier.settled and dossier.status in HAVE_NONE)
    sends: list[Message] = []
    if over and dossier.hold and dossier.held_as in {"held", "booked"}:
        sends.append(ReleaseRooms(booking_id=dossier.id, property_id=dossier.hold["property_id"]))
    if over and dossier.paid_as in LOOKED_FOR:
        sends.append(ReleasePayment(booking_id=dossier.id))
    return sends


async def mend(
    urls: Mapping[str, str], bootstrap: str, findings: Iterable[Finding], *, even_promised: bool = False
) -> Mended:
    """Give back what findings say nobody owns, as far as that is still so."""
    subjects = sorted({UUID(finding.subject) for finding in findings if finding.invariant in MENDABLE})
    if not subjects:
        return Mended([], [])
    async with TopicReader(bootstrap) as topics:
        books = await topics.look()
    async with snapshots(urls) as seen:
        found = [await seen.dossier(subject) for subject in subjects]
    for dossier in found:
        dossier.announced = tuple(books.announced.get(dossier.id, ()))
    sends = [send for dossier in found for send in releases(dossier, even_promised=even_promised)]
    async with producer(bootstrap) as client:
        for send in sends:
            await (await publish(client, send))
    return Mended(sends, [] if even_promised else [dossier.id for dossier in found if was_promised(dossier)])
