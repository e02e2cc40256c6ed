"""Settings of the way to Kafka: plain text, TLS, a password, or both; for services and the command line."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """How to get to Kafka."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore", hide_input_in_errors=True)

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Security protocol of Kafka: SASL_… uses a password, …SSL uses TLS."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, if there is a password."
    )
    kafka_username: str | None = Field(None, description="This service's Kafka user.")
    kafka_password: SecretStr | None = Field(None, description="The user's password.")
    kafka_ca_file: Path | None = Field(
        None,
        description="File of the certificate authorities (PEM) that signed Kafka's certificate; unset: those of "
        "the system.",
    )

    kafka_metadata_seconds: float = Field(
        10, ge=1, le=300, description="How soon a client notices that a topic has more partitions, or another leader."
    )

    @model_validator(mode="after")
    def _kafka_fits(self) -> Self:
        named, asks = bool(self.kafka_username and self.kafka_password), self.asks_for_password
        if asks and not named:
            raise ValueError(
                f"POSADA_KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs POSADA_KAFKA_USERNAME and"
                " POSADA_KAFKA_PASSWORD"
            )
        if not asks and (self.kafka_username or self.kafka_password):
            raise ValueError(
                "POSADA_KAFKA_USERNAME and POSADA_KAFKA_PASSWORD are shown to nobody:"
                " set POSADA_KAFKA_SECURITY_PROTOCOL to SASL_SSL"
            )
        if self.kafka_sasl_mechanism == "PLAIN" and self.kafka_security_protocol == "SASL_PLAINTEXT":
            raise ValueError("PLAIN over SASL_PLAINTEXT would tell all the password: use SASL_SSL or SCRAM-SHA-512")
        if self.kafka_ca_file and not self.kafka_ca_file.is_file():
            raise ValueError(f"POSADA_KAFKA_CA_FILE: there is no file {self.kafka_ca_file}")
        return self

    @property
    def asks_for_password(self) -> bool:
        """Whether Kafka is shown a user and a password."""
        return self.kafka_security_protocol.startswith("SASL")

    @property
    def metadata_age_ms(self) -> int:
        """How old what a client knows of the cluster may become, in milliseconds."""
        return int(self.kafka_metadata_seconds * 1000)

    def kafka_client(self) -> dict[str, Any]:
        """The options of aiokafka's clients beside the address; none in plain text."""
        options: dict[str, Any] = {}
        if self.kafka_security_protocol != "PLAINTEXT":
            options = {"security_protocol": self.kafka_security_protocol, "ssl_context": self.tls()}
        if self.asks_for_password:
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self.password,
            }
        return options

    @property
    def password(self) -> str:
        """The user's password; empty where there is none."""
        return self.kafka_password.get_secret_value() if self.kafka_password else ""

    def tls(self) -> ssl.SSLContext | None:
        """The context for TLS, which always checks certificate and host name; None in plain text."""
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        return ssl.create_default_context(cafile=str(self.kafka_ca_file) if self.kafka_ca_file else None)


def from_environment() -> dict[str, Any]:
    """The options of aiokafka's clients beside the address, by this process's environment.

    Raises:
        pydantic.ValidationError: when the settings contradict each other.
    """
    return KafkaSettings().kafka_client()
