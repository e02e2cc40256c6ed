"""Booking's settings."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from shared.auth.money_limits import Limits
from shared.auth.tokens import Role
from shared.database.seeds import SeedSettings
from shared.settings import ServiceSettings


class Settings(ServiceSettings, SeedSettings):
    """What every service has; policies and switches are data of the property."""

    http_port: int = 8102
    fee_limits: Limits = Field(
        {Role.DESK: Decimal(100), Role.MANAGER: Decimal(2000)},
        description="How much a role may change the fee of a cancellation or no-show from the policy's, and how "
        "much a change of dates may reduce it, in the booking's currency, as JSON by role. A role "
        "that is not listed has no limit.",
    )
    property_fee_limits: dict[str, Limits] = Field(
        default_factory=dict, description='Fee limits of properties that differ, as JSON: {"las-hojas": {"desk": 0}}.'
    )
    saga_patience_seconds: float = Field(
        30,
        ge=0.1,
        le=86_400,
        description="Seconds that a step of a booking waits for its answer. Then it is undone, or repeated after "
        "the decision. Payments decides how long a payment search takes.",
    )
