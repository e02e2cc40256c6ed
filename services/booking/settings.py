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
        description="How far the fee that a role names for a cancellation or no-show may lie from the policy's, and "
        "how much of it a change of dates may move away, in the booking's currency, as JSON by role; unnamed: any.",
    )
    property_fee_limits: dict[str, Limits] = Field(
        default_factory=dict, description='What properties choose otherwise, as JSON: {"las-hojas": {"desk": 0}}.'
    )
    saga_patience_seconds: float = Field(
        30,
        ge=0.1,
        le=86_400,
        description="How long a step of a booking waits for its answer: then it is undone, or behind the decision "
        "done again. A payment that is looked for is waited for as long as payments says.",
    )
