"""Settings that every service has, read from the environment (POSADA_…); a service adds its own."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """One service's settings. Each process has its own environment, so names need no service in them."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore")

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
    batch_messages: int = Field(500, ge=1, le=10_000, description="Most messages in one transaction.")
    stalled_seconds: float = Field(60, gt=0, description="Without progress for so long an instance is not ready.")
    gauges_seconds: float = Field(
        15, gt=0, le=3600, description="How often the gauges that come from the database are read."
    )
    log_level: str = "INFO"
    log_json: bool | None = Field(None, description="JSON logs; unset: JSON unless a terminal is attached.")
    otlp_endpoint: str | None = Field(None, description="OpenTelemetry collector, http://host:4318; unset: none.")
