"""Settings that every service has, read from the environment (POSADA_…); a service adds its own."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.kafka_access import KafkaSettings
from shared.record_settings import RecordSettings
from shared.tokens import LEAST_SECRET, Keys


class KeySettings(BaseSettings):
    """The keys that sign API tokens: the services' and the command line's."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore", hide_input_in_errors=True)

    api_keys: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Keys of tokens that `posada token issue` makes, as JSON by key id; the last one signs, all are "
        "recognised. At least 32 characters each, as `posada token key` prints them.",
    )

    @field_validator("api_keys")
    @classmethod
    def _long_enough(cls, keys: Keys) -> Keys:
        for name, secret in keys.items():
            if not name or len(secret.get_secret_value()) < LEAST_SECRET:
                raise ValueError(
                    f"key {name!r}: give an id and at least {LEAST_SECRET} characters, see `posada token key`"
                )
        return keys


class ServiceSettings(KeySettings, KafkaSettings, RecordSettings):
    """One service's settings. Each process has its own environment, so names need no service in them."""

    kafka_bootstrap: str = Field("localhost:9092", description="Kafka brokers, host:port, comma-separated.")
    database_url: SecretStr = Field(
        SecretStr("postgresql://localhost/posada"), description="This service's own database, postgresql://…"
    )
    database_connections: int = Field(8, ge=2, le=100, description="Most connections at once.")
    http_host: str = Field("127.0.0.1", description="Address that the HTTP API listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP API.")
    api_token: SecretStr | None = Field(
        None,
        description="Bearer token that the API asks for; without one it is open, and only loopback may be listened on.",
    )
    http_rate: float = Field(
        100, gt=0, description="Requests a second of one caller, twice as many at once; webhooks are not counted."
    )
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Pages of these origins may call the API from a browser, as JSON; unset: none.",
    )
    batch_messages: int = Field(500, ge=1, le=10_000, description="Most messages in one transaction.")
    stalled_seconds: float = Field(60, gt=0, description="Without progress for so long an instance is not ready.")
    gauges_seconds: float = Field(
        15, gt=0, le=3600, description="How often the gauges that come from the database are read."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool | None = Field(None, description="JSON logs; unset: JSON unless a terminal is attached.")
    otlp_endpoint: str | None = Field(None, description="OpenTelemetry collector, http://host:4318; unset: none.")

    @field_validator("cors_origins")
    @classmethod
    def _named(cls, origins: list[str]) -> list[str]:
        if "*" in origins:
            raise ValueError("name the origins, such as https://desk.example: * would let every page call")
        return origins

    @property
    def asks_for_token(self) -> bool:
        """Whether the API asks who calls."""
        return self.api_token is not None or bool(self.api_keys)
