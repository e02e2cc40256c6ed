"""How services and the command line connect to Kafka: in plain text, with TLS, with a password, or with both."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from faststream.security import BaseSecurity


class KafkaSettings(BaseSettings):
    """How to connect to Kafka."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore", hide_input_in_errors=True)

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to connect to Kafka: SASL with a password, SSL with TLS."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How the password is sent, if there is one."
    )
    kafka_username: str | None = Field(None, description="This service's user at Kafka.")
    kafka_password: SecretStr | None = Field(None, description="The user's password.")
    kafka_ca_file: Path | None = Field(
        None, description="CA certificates (PEM) for Kafka's certificate; unset: those of the system."
    )

    kafka_metadata_seconds: float = Field(
        10, ge=1, le=300, description="After how long a client sees that a topic has new partitions or another leader."
    )

    @model_validator(mode="after")
    def _kafka_fits(self) -> Self:
        given = bool(self.kafka_username and self.kafka_password)
        if self._uses_password and not given:
            raise ValueError(
                f"POSADA_KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs POSADA_KAFKA_USERNAME and"
                " POSADA_KAFKA_PASSWORD"
            )
        if not self._uses_password and (self.kafka_username or self.kafka_password):
            raise ValueError(
                "POSADA_KAFKA_USERNAME and POSADA_KAFKA_PASSWORD are not used:"
                " set POSADA_KAFKA_SECURITY_PROTOCOL to SASL_SSL"
            )
        if self.kafka_sasl_mechanism == "PLAIN" and self.kafka_security_protocol == "SASL_PLAINTEXT":
            raise ValueError("PLAIN over SASL_PLAINTEXT would show the password: use SASL_SSL or SCRAM-SHA-512")
        if self.kafka_ca_file and not self.kafka_ca_file.is_file():
            raise ValueError(f"POSADA_KAFKA_CA_FILE: there is no file {self.kafka_ca_file}")
        return self

    @property
    def _uses_password(self) -> bool:
        return self.kafka_security_protocol.startswith("SASL")

    @property
    def metadata_age_ms(self) -> int:
        """The greatest age of a client's metadata, in milliseconds."""
        return int(self.kafka_metadata_seconds * 1000)

    def kafka_client(self) -> dict[str, Any]:
        """Connection options for aiokafka's clients beside the address; none for plain text."""
        options: dict[str, Any] = {}
        if self.kafka_security_protocol != "PLAINTEXT":
            options = {"security_protocol": self.kafka_security_protocol, "ssl_context": self._tls()}
        if self._uses_password:
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self._password,
            }
        return options

    def kafka_broker(self) -> BaseSecurity | None:
        """The same for FastStream."""
        from faststream.security import (  # noqa: PLC0415  # half a second that the command line does not need
            BaseSecurity,
            SASLPlaintext,
            SASLScram256,
            SASLScram512,
        )

        kinds = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}
        if self._uses_password:
            tls = self._tls()
            return kinds[self.kafka_sasl_mechanism](
                self.kafka_username or "", self._password, ssl_context=tls, use_ssl=tls is not None
            )
        return BaseSecurity(ssl_context=self._tls(), use_ssl=True) if self.kafka_security_protocol == "SSL" else None

    @property
    def _password(self) -> str:
        return self.kafka_password.get_secret_value() if self.kafka_password else ""

    def _tls(self) -> ssl.SSLContext | None:
        """TLS that always checks certificate and host name."""
        if not self.kafka_security_protocol.endswith("SSL"):
            return None
        return ssl.create_default_context(cafile=str(self.kafka_ca_file) if self.kafka_ca_file else None)


def from_environment() -> dict[str, Any]:
    """Connection options for aiokafka's clients from this process's environment.

    Raises:
        pydantic.ValidationError: when the settings contradict each other.
    """
    return KafkaSettings().kafka_client()
