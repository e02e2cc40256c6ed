"""The terms on which money is looked for: tolerance, retries, and how a refusal is worded. Data, never code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.payments.requests.retries import Schedule, Stage
from shared.contracts.common import Language, PaymentMethod

ZONE = ZoneInfo("America/El_Salvador")
ROOMS_MAY_GO_FROM = 3  # the stage in which a property may choose to free the rooms
INTERVALS = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
ATTEMPTS: Mapping[PaymentMethod, tuple[int, ...]] = {
    PaymentMethod.BANK_TRANSFER: (6, 4, 6),
    PaymentMethod.CARD_LINK: (6, 4),
}


class Unfound(StrEnum):
    """What becomes of a booking whose money is not found or ambiguous: the staff is told either way."""

    FAIL = "fail"
    WAIT_FOR_STAFF = "wait_for_staff"


class Rooms(StrEnum):
    """What becomes of a booking's rooms while its money is looked for in the third stage, the slowest."""

    KEEP = "keep"
    FREE = "free"


def schedule_of(attempts: tuple[int, ...], intervals: tuple[timedelta, ...]) -> Schedule:
    """A method's stages from its numbers of attempts and their intervals, which may be more."""
    return tuple(Stage(number, every) for number, every in zip(attempts, intervals, strict=False))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a property chooses. `tolerance_days` is the bank's posting delay either way.

    `hold_margin` is how long after a stage's last attempt the rooms stay held. `second_look` is the pause before the
    one look that counts as no attempt: it finds a transfer that was recorded by another instance at the same moment.
    `unfound` is what becomes of a booking whose money a person has to look into, and `staff_patience` how long it waits
    for one. `rooms_in_stage_3` is whether rooms stay held in the third stage, or are freed until the money is found.
    `refund_limits` and `charge_limits` are what a role may give back of one payment altogether, and charge at once, in
    the booking's currency; a role that is not named may any amount.
    `default_property` is meant by a question that names none.
    `properties` are the terms of those that choose otherwise.
    """

    tolerance_days: int = 3
    schedules: Mapping[PaymentMethod, Schedule] = field(
        default_factory=lambda: {method: schedule_of(attempts, INTERVALS) for method, attempts in ATTEMPTS.items()}
    )
    hold_margin: timedelta = timedelta(minutes=10)
    second_look: timedelta = timedelta(seconds=2)
    zone: ZoneInfo = ZONE
    language: Language = Language.SPANISH
    unfound: Unfound = Unfound.FAIL
    staff_patience: timedelta = timedelta(hours=24)
    rooms_in_stage_3: Rooms = Rooms.KEEP
    refund_limits: Mapping[str, Decimal] = field(default_factory=dict)
    charge_limits: Mapping[str, Decimal] = field(default_factory=dict)
    default_property: str = "las-hojas"
    properties: Mapping[str, Terms] = field(default_factory=dict)

    def of(self, property_id: str) -> Terms:
        """The terms of a property: its own, or these."""
        return self.properties.get(property_id, self)

    def schedule(self, method: PaymentMethod) -> Schedule:
        """The stages of a method; one that is not listed is not looked for again."""
        return self.schedules.get(method, ())

    def keeps_rooms(self, stage: int) -> bool:
        """Whether the rooms stay held while the money is looked for in this stage, from 1."""
        return stage < ROOMS_MAY_GO_FROM or self.rooms_in_stage_3 is Rooms.KEEP
