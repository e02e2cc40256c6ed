"""FastStream's broker; a module of its own, for its import takes half a second that the command line need not wait."""

from __future__ import annotations

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.kafka.access import KafkaSettings

_SASL = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}


def broker_of(bootstrap: str, settings: KafkaSettings) -> KafkaBroker:
    """A broker, not started."""
    return KafkaBroker(
        bootstrap.split(","),  # FastStream takes a string for one address
        security=security_of(settings),
        metadata_max_age_ms=settings.metadata_age_ms,
        apply_types=False,
        logger=None,
    )


def security_of(settings: KafkaSettings) -> BaseSecurity | None:
    """How the broker gets to Kafka; None in plain text."""
    tls = settings.tls()
    if settings.asks_for_password:
        kind = _SASL[settings.kafka_sasl_mechanism]
        return kind(settings.kafka_username or "", settings.password, ssl_context=tls, use_ssl=tls is not None)
    return BaseSecurity(ssl_context=tls, use_ssl=True) if tls else None
