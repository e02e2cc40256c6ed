"""Payments' settings: those of every service, and the terms on which money is searched for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from services.payments.feeds.folder import MOST_BYTES
from services.payments.feeds.formats import Layout, layouts_in
from services.payments.requests.retries import Schedule
from services.payments.requests.terms import (
    ATTEMPTS,
    INTERVALS,
    ZONE,
    PropertyTerms,
    Rooms,
    Terms,
    Unfound,
    schedule_of,
)
from shared.auth.money_limits import Limits, by_role
from shared.auth.tokens import Role
from shared.contracts.common import Language, PaymentMethod
from shared.settings import ExternalSystem, ServiceSettings

Attempts = tuple[Annotated[int, Field(ge=0, le=1000)], ...]
Seconds = tuple[Annotated[float, Field(gt=0, le=30 * 86400)], ...]


Intervals = Seconds | dict[PaymentMethod, Seconds]


class OwnTerms(BaseModel):
    """What one property chooses for itself; what it leaves out is as in the installation's settings."""

    model_config = ConfigDict(extra="forbid")

    retry_attempts: dict[PaymentMethod, Attempts] = {}
    retry_intervals: Intervals | None = None
    hold_margin_seconds: float | None = Field(None, ge=0)
    unfound: Unfound | None = None
    rooms_in_stage_3: Rooms | None = None
    staff_hours: float | None = Field(None, gt=0, le=30 * 24)
    timezone: ZoneInfo | None = None
    refund_limits: Limits | None = None
    charge_limits: Limits | None = None


class Settings(ServiceSettings):
    """How payments runs. POSADA_RETRY_INTERVALS='[5, 10, 20]' makes a demo of two days last a minute."""

    OUTSIDE: ClassVar[tuple[ExternalSystem, ...]] = (
        ExternalSystem("the feed of money", "feed_url", "feed_url"),
        ExternalSystem("Stripe", "stripe_key", "stripe_url", default="https://api.stripe.com"),
    )

    http_port: int = Field(8103, ge=0, le=65535, description="Port of the HTTP API.")
    date_tolerance_days: int = Field(
        3,
        ge=0,
        le=31,
        description="A bank's posting delay: days by which a slip's date and its transfer's may differ, either way.",
    )
    retry_attempts: dict[PaymentMethod, Attempts] = Field(
        default_factory=lambda: dict(ATTEMPTS), description="Attempts of each stage, by payment method, as JSON."
    )
    retry_intervals: Intervals = Field(
        tuple(interval.total_seconds() for interval in INTERVALS),
        description="Seconds between the attempts of each stage: a list for all methods, or one by method, as JSON.",
    )
    hold_margin_seconds: float = Field(
        600, ge=0, description="Seconds for which the rooms stay held after a stage's last attempt."
    )
    timezone: ZoneInfo = Field(ZONE, description="Time zone of the property's dates.")
    language: Language = Field(Language.SPANISH, description="Language of refusals.")
    unfound: Unfound = Field(
        Unfound.FAIL,
        description="What happens to a booking whose payment is not found or ambiguous: fail, or wait_for_staff.",
    )
    staff_hours: float = Field(24, gt=0, le=30 * 24, description="Hours that a booking waits for staff.")
    rooms_in_stage_3: Rooms = Field(
        Rooms.KEEP,
        description="Whether rooms stay held in the third stage of the payment search: keep; or free: they are "
        "held again, possibly others of the same type, when the money is found.",
    )
    refund_limits: Limits = Field(
        {Role.DESK: Decimal(100), Role.MANAGER: Decimal(2000)},
        description="The most that a role may refund of one payment in total, in the booking's currency, as JSON "
        "by role. A role that is not listed has no limit. A refund by a cancellation policy has no "
        "limit.",
    )
    charge_limits: Limits = Field(
        {Role.DESK: Decimal(500), Role.MANAGER: Decimal(5000)},
        description="The most that a role may charge to a booking at once, in the same form.",
    )
    default_property: str = Field(
        "las-hojas", description="The property of a question about payments that names no property."
    )
    property_terms: dict[str, OwnTerms] = Field(
        default_factory=dict,
        description='Terms of properties that differ, as JSON: {"las-hojas": {"unfound": "wait_for_staff"}}.',
    )

    feed_folder: Path | None = Field(
        None, description="Folder of bank files, .csv and .xml (camt.053); a file is read when it no longer changes."
    )
    feed_most_bytes: int = Field(
        MOST_BYTES,
        gt=0,
        description="Maximum size of a file in that folder in bytes; split a larger file, or raise this.",
    )
    feed_layouts: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description='Layouts of the files in that folder by their format, csv or camt, as JSON: {"csv": {"source": '
        '"bac", "delimiter": ";"}}.',
    )
    feed_url: str | None = Field(None, description="Address of an HTTP feed of transfers, in pages with a cursor.")
    feed_token: SecretStr | None = Field(None, description="The HTTP feed's bearer token.")
    feed_seconds: float = Field(
        10, gt=0, description="Seconds that an attempt of the payment search waits for the feeds."
    )
    feed_every_seconds: float = Field(15, gt=0, description="Seconds between regular readings of the feeds.")

    stripe_key: SecretStr | None = Field(None, description="Stripe's secret key; with it guests can pay online.")
    stripe_webhook_secret: SecretStr | None = Field(None, description="Secret that signs Stripe's webhooks.")
    stripe_success_url: str = Field(
        "https://posada.example/paid", description="Page to which Stripe sends a guest after the payment."
    )
    stripe_url: str | None = Field(None, description="Another address of Stripe's API, for tests.")

    @model_validator(mode="after")
    def _stripe_is_complete(self) -> Settings:
        if (self.stripe_key is None) != (self.stripe_webhook_secret is None):
            raise ValueError("stripe needs both: set POSADA_STRIPE_KEY and POSADA_STRIPE_WEBHOOK_SECRET")
        return self

    @model_validator(mode="after")
    def _layouts_fit(self) -> Settings:
        self.layouts()
        return self

    @model_validator(mode="after")
    def _an_interval_for_each_stage(self) -> Settings:
        self.terms()
        return self

    def layouts(self) -> list[Layout]:
        """The layouts of the folder's files, one for each format.

        Raises:
            ValueError: when a layout does not fit.
        """
        return list(layouts_in(self.feed_layouts).values())

    def terms(self) -> Terms:
        """The terms as the rules want them.

        Raises:
            ValueError: when a stage has no interval.
        """
        usual = PropertyTerms(
            schedules=_schedules(self.retry_attempts, self.retry_intervals),
            hold_margin=timedelta(seconds=self.hold_margin_seconds),
            zone=self.timezone,
            unfound=self.unfound,
            staff_patience=timedelta(hours=self.staff_hours),
            rooms_in_stage_3=self.rooms_in_stage_3,
            refund_limits=by_role(self.refund_limits),
            charge_limits=by_role(self.charge_limits),
        )
        return Terms(
            tolerance_days=self.date_tolerance_days,
            language=self.language,
            default_property=self.default_property,
            usual=usual,
            properties={name: self._of(own, usual) for name, own in self.property_terms.items()},
        )

    def _of(self, own: OwnTerms, usual: PropertyTerms) -> PropertyTerms:
        margin, hours = own.hold_margin_seconds, own.staff_hours
        return replace(
            usual,
            schedules=_schedules(
                {**self.retry_attempts, **own.retry_attempts}, own.retry_intervals or self.retry_intervals
            ),
            hold_margin=usual.hold_margin if margin is None else timedelta(seconds=margin),
            zone=own.timezone or usual.zone,
            unfound=own.unfound or usual.unfound,
            staff_patience=usual.staff_patience if hours is None else timedelta(hours=hours),
            rooms_in_stage_3=own.rooms_in_stage_3 or usual.rooms_in_stage_3,
            refund_limits=usual.refund_limits if own.refund_limits is None else by_role(own.refund_limits),
            charge_limits=usual.charge_limits if own.charge_limits is None else by_role(own.charge_limits),
        )


def _schedules(attempts: Mapping[PaymentMethod, Attempts], intervals: Intervals) -> dict[PaymentMethod, Schedule]:
    found = {}
    for method, numbers in attempts.items():
        pauses = intervals.get(method, ()) if isinstance(intervals, dict) else intervals
        if len(pauses) < len(numbers):
            raise ValueError(
                f"retry_attempts has {len(numbers)} stages of {method}, retry_intervals only"
                f" {len(pauses)}: give POSADA_RETRY_INTERVALS one for each stage"
            )
        found[method] = schedule_of(numbers, tuple(timedelta(seconds=pause) for pause in pauses))
    return found
