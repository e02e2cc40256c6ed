"""Availability's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.availability.external.adapters.settings import ExternalClientSettings
from shared.database.seeds import SeedSettings
from shared.settings import ServiceSettings

AS_THEY_ARE = ExternalClientSettings()


class Settings(ServiceSettings, SeedSettings):
    """What every service has; holds, taxes and rates are data of the property."""

    http_port: int = 8101
    outside_tokens: dict[str, SecretStr] = Field(
        default_factory=dict,
        description='Bearer tokens of the outside systems that keep rooms, by property, as JSON: {"las-hojas": "…"}.',
    )
    outside_failures: int = Field(
        AS_THEY_ARE.failures, ge=1, description="Failures in a row after which an outside system is not asked."
    )
    outside_rest_seconds: float = Field(
        AS_THEY_ARE.rest_seconds, gt=0, le=86_400, description="How long it is not asked then."
    )
    outside_at_once: int = Field(
        AS_THEY_ARE.at_once, ge=1, le=32, description="Jobs that may be under way to one outside system at a time."
    )
    outside_pause_growth: float = Field(
        AS_THEY_ARE.pause_growth,
        ge=1,
        le=10,
        description="How many times as long each further pause between attempts at a room is than the property's.",
    )

    def external_clients(self) -> ExternalClientSettings:
        """How outside systems are called."""
        tokens = {property_id: token.get_secret_value() for property_id, token in self.outside_tokens.items()}
        return ExternalClientSettings(
            tokens,
            self.outside_failures,
            self.outside_rest_seconds,
            self.outside_pause_growth,
            self.outside_at_once,
            self.outbound,
        )
