"""Booking's settings."""

from __future__ import annotations

from pydantic import Field

from shared.seeds import SeedSettings
from shared.settings import ServiceSettings


class Settings(ServiceSettings, SeedSettings):
    """What every service has; policies and switches are data of the property."""

    http_port: int = 8102
    saga_patience_seconds: float = Field(
        30,
        ge=0.1,
        le=86_400,
        description="How long a step of a booking waits for its answer: then it is undone, or behind the decision "
        "done again. A payment that is looked for is waited for as long as payments says.",
    )
