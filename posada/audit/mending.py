"""Mending: what a booking that came to nothing still keeps is given back, by the commands that a saga would send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from posada.audit.dossier import Dossier
from posada.audit.finding import Finding
from posada.audit.rules.money import LOOKED_FOR
from posada.audit.rules.rooms import HAVE_NONE
from posada.audit.snapshots import snapshots
from posada.wire import producer, publish
from shared.contracts.availability import ReleaseRooms
from shared.contracts.payments import ReleasePayment
from shared.messages import Message

MENDABLE: Final = {"rooms-have-an-owner", "ended-has-no-rooms", "money-has-an-owner", "ended-has-no-money"}


def releases(dossier: Dossier) -> list[Message]:
    """What gives back rooms and money of a booking that booking does not know, or that has ended with nothing.

    Of any other nothing is given back: its saga does that, or a person. Captured money is refunded, never released.
    """
    over = dossier.booking is None or (dossier.settled and dossier.status in HAVE_NONE)
    sends: list[Message] = []
    if over and dossier.hold and dossier.held_as in {"held", "booked"}:
        sends.append(ReleaseRooms(booking_id=dossier.id, property_id=dossier.hold["property_id"]))
    if over and dossier.paid_as in LOOKED_FOR:
        sends.append(ReleasePayment(booking_id=dossier.id))
    return sends


async def mend(urls: Mapping[str, str], bootstrap: str, findings: Iterable[Finding]) -> list[Message]:
    """Give back what findings say nobody owns, as far as that is still so, and return what was sent."""
    subjects = sorted({UUID(finding.subject) for finding in findings if finding.invariant in MENDABLE})
    if not subjects:
        return []
    async with snapshots(urls) as seen:
        sends = [send for subject in subjects for send in releases(await seen.dossier(subject))]
    async with producer(bootstrap) as client:
        for send in sends:
            await (await publish(client, send))
    return sends
