"""Availability's settings."""

from __future__ import annotations

from collections.abc import Iterator

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
        description='Bearer tokens of the external systems that keep rooms, by property, as JSON: {"las-hojas": "…"}.',
    )
    outside_failures: int = Field(
        AS_THEY_ARE.failures,
        ge=1,
        description="Consecutive failures after which an external system is not called for a while.",
    )
    outside_rest_seconds: float = Field(
        AS_THEY_ARE.rest_seconds, gt=0, le=86_400, description="Seconds for which it is not called then."
    )
    outside_at_once: int = Field(
        AS_THEY_ARE.at_once, ge=1, le=32, description="Maximum number of concurrent calls to one external system."
    )
    outside_pause_growth: float = Field(
        AS_THEY_ARE.pause_growth,
        ge=1,
        le=10,
        description="Factor by which each further pause between attempts to book a room grows, from the "
        "property's pause.",
    )

    def _against_moved_time(self) -> Iterator[str]:
        yield from super()._against_moved_time()
        if self.outside_tokens:
            yield "POSADA_OUTSIDE_TOKENS opens systems that are real: unset it"

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
