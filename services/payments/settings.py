"""Payments' settings: the house's, and the terms on which money is looked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from services.payments.domain.terms import ATTEMPTS, INTERVALS, ZONE, Terms, schedule_of
from shared.contracts.common import Language, PaymentMethod
from shared.settings import ServiceSettings

Attempts = tuple[Annotated[int, Field(ge=0, le=1000)], ...]
Seconds = tuple[Annotated[float, Field(gt=0, le=30 * 86400)], ...]


class Settings(ServiceSettings):
    """How payments runs. POSADA_RETRY_INTERVALS='[5, 10, 20]' makes a demo of two days last a minute."""

    http_port: int = Field(8103, ge=0, le=65535, description="Port of the HTTP API.")
    date_tolerance_days: int = Field(
        3,
        ge=0,
        le=31,
        description="A bank's posting delay: days that a slip and its transfer may lie apart, either way.",
    )
    retry_attempts: dict[PaymentMethod, Attempts] = Field(
        default_factory=lambda: dict(ATTEMPTS), description="Attempts of each stage, by payment method, as JSON."
    )
    retry_intervals: Seconds | dict[PaymentMethod, Seconds] = Field(
        tuple(interval.total_seconds() for interval in INTERVALS),
        description="Seconds between the attempts of each stage: a list for all methods, or one by method, as JSON.",
    )
    hold_margin_seconds: float = Field(
        600, ge=0, description="How long after a stage's last attempt the rooms should stay held."
    )
    timezone: ZoneInfo = Field(ZONE, description="Where the property's dates are told.")
    language: Language = Field(Language.SPANISH, description="Language of the refusals' sentences.")

    @model_validator(mode="after")
    def _every_stage_has_an_interval(self) -> Settings:
        for method, attempts in self.retry_attempts.items():
            if len(self._intervals(method)) < len(attempts):
                raise ValueError(
                    f"retry_attempts has {len(attempts)} stages of {method}, retry_intervals only"
                    f" {len(self._intervals(method))}: give POSADA_RETRY_INTERVALS one for each stage"
                )
        return self

    def terms(self) -> Terms:
        """The terms as the rules want them."""
        return Terms(
            tolerance_days=self.date_tolerance_days,
            schedules={
                method: schedule_of(attempts, tuple(timedelta(seconds=pause) for pause in self._intervals(method)))
                for method, attempts in self.retry_attempts.items()
            },
            hold_margin=timedelta(seconds=self.hold_margin_seconds),
            zone=self.timezone,
            language=self.language,
        )

    def _intervals(self, method: PaymentMethod) -> Seconds:
        given = self.retry_intervals
        return given.get(method, ()) if isinstance(given, dict) else given
