"""How clients get to Kafka: in plain text, by TLS, by a password, or by both; services and command line alike."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from faststream.security import BaseSecurity


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
        named, asks = bool(self.kafka_username and self.kafka_password), self._asks_for_password
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
    def _asks_for_password(self) -> bool:
        return self.kafka_security_protocol.startswith("SASL")

    @property
    def metadata_age_ms(self) -> int:
        """How old what a client knows of the cluster may become, in milliseconds."""
        return int(self.kafka_metadata_seconds * 1000)

    def kafka_client(self) -> dict[str, Any]:
        """What aiokafka's clients are told beyond the address; nothing where Kafka is spoken to in plain text."""
        told: dict[str, Any] = {}
        if self.kafka_security_protocol != "PLAINTEXT":
            told = {"security_protocol": self.kafka_security_protocol, "ssl_context": self._tls()}
        if self._asks_for_password:
            told |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self._password,
            }
        return told

    def kafka_broker(self) -> BaseSecurity | None:
        """The same for FastStream."""
        from faststream.security import (  # noqa: PLC0415  # half a second that the command line need not wait for
            BaseSecurity,
            SASLPlaintext,
            SASLScram256,
            SASLScram512,
        )

        kinds = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}
        if self._asks_for_password:
            tls = self._tls()
            return kinds[self.kafka_sasl_mechanism](
                self.kafka_username or "", self._password, ssl_context=tls, use_ssl=tls is not None
            )
        return BaseSecurity(ssl_context=self._tls(), use_ssl=True) if self.kafka_security_protocol == "SSL" else None

    @property
    def _password(self) -> str:
        return self.kafka_password.get_secret_value() if self.kafka_password else ""

    def _tls(self) -> ssl.SSLContext | None:
        """TLS that knows whom it talks to: certificate and host name are checked, always."""
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        return ssl.create_default_context(cafile=str(self.kafka_ca_file) if self.kafka_ca_file else None)


def from_environment() -> dict[str, Any]:
    """What this process's environment tells aiokafka's clients beyond the address.

    Raises:
        pydantic.ValidationError: when the settings contradict each other.
    """
    return KafkaSettings().kafka_client()
