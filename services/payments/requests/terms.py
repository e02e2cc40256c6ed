"""The terms on which money is searched for: tolerance, schedule, limits, language. Each property may have its own."""

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
ROOMS_MAY_GO_FROM = 3  # the stage from which a property may free the rooms
INTERVALS = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
ATTEMPTS: Mapping[PaymentMethod, tuple[int, ...]] = {
    PaymentMethod.BANK_TRANSFER: (6, 4, 6),
    PaymentMethod.CARD_LINK: (6, 4),
}


class Unfound(StrEnum):
    """What happens to a booking whose money is not found or ambiguous. Staff are alerted either way."""

    FAIL = "fail"
    WAIT_FOR_STAFF = "wait_for_staff"


class Rooms(StrEnum):
    """What happens to a booking's rooms while its money is searched for in the third stage, the slowest."""

    KEEP = "keep"
    FREE = "free"


def schedule_of(attempts: tuple[int, ...], intervals: tuple[timedelta, ...]) -> Schedule:
    """A schedule from the attempts of each stage and their intervals; surplus intervals are ignored."""
    return tuple(Stage(number, every) for number, every in zip(attempts, intervals, strict=False))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a property chooses.

    `tolerance_days`: how far the bank's date may lie from the slip's. `hold_margin`: how long rooms stay held after a
    stage's last attempt. `second_look`: the pause before a search that counts as no attempt; it finds a transfer that
    another instance recorded at the same moment. `unfound`: what happens when the money is not found, and
    `staff_patience`: how long staff have to decide. `rooms_in_stage_3`: whether rooms stay held in the third stage.
    `refund_limits` and `charge_limits`: what a role may refund of one payment in all, and charge at once, in the
    booking's currency; other roles have no limit. `default_property` is the property of a question that names none,
    `properties` are the properties with terms of their own.
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
        """The terms of a property: its own, else these."""
        return self.properties.get(property_id, self)

    def schedule(self, method: PaymentMethod) -> Schedule:
        """The stages of a payment method; empty when its money is not searched for again."""
        return self.schedules.get(method, ())

    def keeps_rooms(self, stage: int) -> bool:
        """Whether rooms stay held while the money is searched for in this stage (from 1)."""
        return stage < ROOMS_MAY_GO_FROM or self.rooms_in_stage_3 is Rooms.KEEP
