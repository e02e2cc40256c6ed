"""Settings that every service has, read from the environment (POSADA_…); a service adds its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.tokens import LEAST_SECRET, Keys
from shared.clock import Clock, OffsetClock, system_clock
from shared.kafka.access import KafkaSettings
from shared.messages.record_settings import RecordSettings
from shared.outbound.destinations import Allowed, Forbidden
from shared.safety.files import opened_folder
from shared.safety.loopback import is_loopback, stays_here

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
        description="Keys that sign the tokens of `posada token issue`, as JSON by key id. The last one signs, "
        "all are accepted. At least 32 characters each, as `posada token key` prints them.",
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
    database_connections: int = Field(
        8, ge=2, le=100, description="Maximum number of database connections for messages and timers."
    )
    http_database_connections: int = Field(
        4,
        ge=1,
        le=100,
        description="Maximum number of database connections for HTTP requests, in addition to those for messages.",
    )
    http_host: str = Field("127.0.0.1", description="Address that the HTTP API listens on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP API.")
    api_token: OwnSecret | None = Field(
        None,
        description="Shared bearer token of the API, at least 32 characters. Without any token the API allows "
        "only reading, and listens on loopback only.",
    )
    http_rate: float = Field(
        100, gt=0, description="Requests a second of one caller, twice as many in a burst; webhooks are not counted."
    )
    http_connections: int = Field(500, ge=1, le=100_000, description="Maximum number of HTTP connections.")
    http_client_connections: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Maximum number of HTTP connections of one client (for IPv6 a /64); a trusted proxy may have all.",
    )
    http_patience_seconds: float = Field(
        10,
        gt=0,
        le=600,
        description="Seconds that a client may take for a request's head, and for each 5,000 bytes of a body or "
        "an answer.",
    )
    http_transfer_seconds: float = Field(
        300, gt=0, le=86_400, description="Seconds that a client may take for a whole body, or a whole answer."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are trusted, as JSON; "
        "unset: none.",
    )
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Origins whose pages may call the API from a browser, as JSON; unset: none.",
    )
    batch_messages: int = Field(500, ge=1, le=10_000, description="Maximum number of messages in one transaction.")
    kafka_session_seconds: float = Field(
        10,
        ge=1,
        le=300,
        description="Session time-out: an instance that sends no heartbeat for so many seconds loses its "
        "partitions. The broker has its own minimum (group.min.session.timeout.ms).",
    )
    stalled_seconds: float = Field(
        60, gt=0, description="Seconds without progress after which an instance is not ready."
    )
    gauges_seconds: float = Field(
        15, gt=0, le=3600, description="Seconds between readings of the gauges that come from the database."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool | None = Field(None, description="JSON logs; unset: JSON unless a terminal is attached.")
    outbound_allowed: list[str] = Field(
        default_factory=list,
        description="Addresses of your own network that may be called, as JSON: networks such as 10.1.0.0/16, "
        "addresses, host names. All other calls go to public addresses only.",
    )
    otlp_endpoint: str | None = Field(None, description="OpenTelemetry collector, http://host:4318; unset: none.")
    clock_file: Path | None = Field(
        None,
        description="For tests and the demo alone: a file with the seconds that holds, reminders and searches for "
        "money are ahead of real time. Needs POSADA_TESTING, and everything on this machine.",
    )
    testing: bool = Field(False, description="Says that this process serves a test or the demo.")

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

    def clock(self) -> Clock:
        """The clock of the business: real time, or ahead of it for a test or the demo.

        Raises:
            ValueError: when this may not be a test, or the file is another's or holds no number.
        """
        if self.clock_file is None:
            return system_clock
        if problem := next(self._against_moved_time(), None):
            raise ValueError(f"POSADA_CLOCK_FILE moves the time, for tests and the demo alone, and {problem}")
        try:
            with opened_folder(self.clock_file.parent) as folder:
                folder.check_own(self.clock_file.parent)
            return OffsetClock(self.clock_file)
        except (OSError, ValueError) as wrong:
            raise ValueError(f"POSADA_CLOCK_FILE: {wrong}") from wrong

    def _against_moved_time(self) -> Iterator[str]:
        if not self.testing:
            yield "nobody says that this is a test: unset it, or set POSADA_TESTING=true on a machine of your own"
        if not is_loopback(self.http_host):
            yield f"POSADA_HTTP_HOST={self.http_host} lets other machines in: leave it at 127.0.0.1"
        if not stays_here(f"kafka://{self.kafka_bootstrap}"):
            yield f"POSADA_KAFKA_BOOTSTRAP={self.kafka_bootstrap} is on another machine"
        if not stays_here(self.database_url.get_secret_value()):
            yield "POSADA_DATABASE_URL leads to another machine"
        for system in self.OUTSIDE:
            if getattr(self, system.needed) and not is_loopback(system.address(self)[0]):
                yield f"POSADA_{system.needed.upper()} is of {system.name}, which is real: unset it"
