"""The terms of payments: of the installation, and of each property, which may have its own."""

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
class PropertyTerms:
    """What a property chooses.

    `schedules`: when money is searched for, by payment method. `hold_margin`: how long rooms stay held after a stage's
    last attempt. `zone`: where its dates are. `unfound`: what happens when the money is not found, and
    `staff_patience`: how long staff have to decide. `rooms_in_stage_3`: whether rooms stay held in the third stage.
    `refund_limits` and `charge_limits`: what a role may refund of one payment in all, and charge at once, in the
    booking's currency; other roles have no limit.
    """

    schedules: Mapping[PaymentMethod, Schedule] = field(
        default_factory=lambda: {method: schedule_of(attempts, INTERVALS) for method, attempts in ATTEMPTS.items()}
    )
    hold_margin: timedelta = timedelta(minutes=10)
    zone: ZoneInfo = ZONE
    unfound: Unfound = Unfound.FAIL
    staff_patience: timedelta = timedelta(hours=24)
    rooms_in_stage_3: Rooms = Rooms.KEEP
    refund_limits: Mapping[str, Decimal] = field(default_factory=dict)
    charge_limits: Mapping[str, Decimal] = field(default_factory=dict)

    def schedule(self, method: PaymentMethod) -> Schedule:
        """The stages of a payment method; empty when its money is not searched for again."""
        return self.schedules.get(method, ())

    def keeps_rooms(self, stage: int) -> bool:
        """Whether rooms stay held while the money is searched for in this stage (from 1)."""
        return stage < ROOMS_MAY_GO_FROM or self.rooms_in_stage_3 is Rooms.KEEP


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of an installation: what is the same for every property, and what each property chooses.

    `tolerance_days`: how far the bank's date may lie from the slip's. `second_look`: the pause before a search that
    counts as no attempt; it finds a transfer that another instance recorded at the same moment. `language` is that of
    refusals. `default_property` is the property of a question that names none. `usual` are the terms of every property
    that has none of its own in `properties`.
    """

    tolerance_days: int = 3
    second_look: timedelta = timedelta(seconds=2)
    language: Language = Language.SPANISH
    default_property: str = "las-hojas"
    usual: PropertyTerms = field(default_factory=PropertyTerms)
    properties: Mapping[str, PropertyTerms] = field(default_factory=dict)

    def of(self, property_id: str) -> PropertyTerms:
        """The terms of a property."""
        return self.properties.get(property_id, self.usual)
