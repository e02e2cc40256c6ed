"""Settings that every service has, read from the environment (POSADA_…); a service adds its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.tokens import LEAST_SECRET, Keys
from shared.kafka.access import KafkaSettings
from shared.messages.record_settings import RecordSettings
from shared.outbound.destinations import Allowed, Forbidden

Networks = Sequence[IPv4Network | IPv6Network]
HTTP, HTTPS = 80, 443


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < LEAST_SECRET:
        raise ValueError(
            f"give at least {LEAST_SECRET} characters that nobody can guess: `posada token key` prints some"
        )
    return secret


# A secret of ours that callers show, or that signs what they bring: who guesses it gets access.
OwnSecret = Annotated[SecretStr, AfterValidator(_hard_to_guess)]


def value_of(secret: SecretStr | None) -> str:
    """A secret's value, empty where there is none."""
    return secret.get_secret_value() if secret else ""


class SettingsFragment(BaseSettings):
    """Settings that stand beside what they are for, such as a provider's; a service's `Settings` takes them in."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class ExternalSystem:
    """A system outside that is called where the setting `needed` is set.

    `url` names the setting with its address, `default` is the address where that is not set; or `host` and `port` do.
    """

    name: str
    needed: str
    url: str = ""
    host: str = ""
    port: str = ""
    default: str = ""

    def address(self, settings: BaseSettings) -> tuple[str, int]:
        """Its host and port."""
        if self.host:
            return getattr(settings, self.host), getattr(settings, self.port)
        parts = urlsplit(getattr(settings, self.url) or self.default)
        return parts.hostname or "", parts.port or (HTTPS if parts.scheme == "https" else HTTP)


class KeySettings(SettingsFragment):
    """The keys that sign API tokens: the services' and the command line's."""

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

    OUTSIDE: ClassVar[tuple[ExternalSystem, ...]] = ()

    kafka_bootstrap: str = Field("localhost:9092", description="Kafka brokers, host:port, comma-separated.")
    database_url: SecretStr = Field(
        SecretStr("postgresql://localhost/posada"), description="This service's own database, postgresql://…"
    )
    database_connections: int = Field(8, ge=2, le=100, description="Most connections at once for messages and timers.")
    http_database_connections: int = Field(
        4, ge=1, le=100, description="Most connections at once for HTTP requests, beside those for messages."
    )
    http_host: str = Field("127.0.0.1", description="Address that the HTTP API listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP API.")
    api_token: OwnSecret | None = Field(
        None,
        description="Bearer token that the API asks for, of at least 32 characters; without one it is open, and only "
        "loopback may be listened on.",
    )
    http_rate: float = Field(
        100, gt=0, description="Requests a second of one caller, twice as many at once; webhooks are not counted."
    )
    http_connections: int = Field(500, ge=1, le=100_000, description="Most HTTP connections that are served at once.")
    http_client_connections: int = Field(
        100, ge=1, le=100_000, description="Most of them of one client (for IPv6 a /64); a trusted proxy may have all."
    )
    http_patience_seconds: float = Field(
        10,
        gt=0,
        le=600,
        description="How long a client may take for a request's head, and for each 5,000 bytes of a body or an answer.",
    )
    http_transfer_seconds: float = Field(
        300, gt=0, le=86_400, description="How long a client may take for the whole of a body, or of an answer."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, as JSON; unset: "
        "nobody's.",
    )
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Pages of these origins may call the API from a browser, as JSON; unset: none.",
    )
    batch_messages: int = Field(500, ge=1, le=10_000, description="Most messages in one transaction.")
    kafka_session_seconds: float = Field(
        10,
        ge=1,
        le=300,
        description="An instance that Kafka has not heard of for so long loses its partitions to the others. A broker"
        " has a minimum of its own (group.min.session.timeout.ms).",
    )
    stalled_seconds: float = Field(60, gt=0, description="Without progress for so long an instance is not ready.")
    gauges_seconds: float = Field(
        15, gt=0, le=3600, description="How often the gauges that come from the database are read."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool | None = Field(None, description="JSON logs; unset: JSON unless a terminal is attached.")
    outbound_allowed: list[str] = Field(
        default_factory=list,
        description="What of your own network outside systems may be at, as JSON: networks such as 10.1.0.0/16, "
        "addresses, names of hosts. Beside these only public addresses are called.",
    )
    otlp_endpoint: str | None = Field(None, description="OpenTelemetry collector, http://host:4318; unset: none.")

    @field_validator("cors_origins")
    @classmethod
    def _named(cls, origins: list[str]) -> list[str]:
        if "*" in origins:
            raise ValueError("name the origins, such as https://desk.example: * would let every page call")
        return origins

    @model_validator(mode="after")
    def _may_be_called(self) -> Self:
        allowed = self.outbound
        for name in (system.url for system in self.OUTSIDE if system.url):
            try:
                allowed.check_url(getattr(self, name) or "https://unset.example")
            except Forbidden as wrong:
                raise ValueError(f"POSADA_{name.upper()}: {wrong}") from None
        return self

    @property
    def outbound(self) -> Allowed:
        """Which addresses outside systems may have; raises ValueError where the setting names none."""
        return Allowed.of(self.outbound_allowed)

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                network = ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is no address or network: write it like 10.0.0.7 or 10.0.0.0/24") from None
            if network.prefixlen == 0:
                raise ValueError(f"{proxy} is everybody, who could then call as anybody: name your proxies' network")
        return proxies

    @property
    def proxies(self) -> Networks:
        """The networks of trusted proxies."""
        return [ip_network(one) for one in self.trusted_proxies]

    @property
    def asks_for_token(self) -> bool:
        """Whether the API asks who calls."""
        return self.api_token is not None or bool(self.api_keys)
