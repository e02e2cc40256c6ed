"""Creates every Kafka consumer: it reads committed records only, with bounded batches, and soon sees new partitions."""

from __future__ import annotations

from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from shared.kafka.access import KafkaSettings
from shared.kafka.lenient_records import install_lenient_reader

# Records of an open transaction may still be aborted. With read_committed a fetch ends before them, and end offsets
# are the last stable offsets.
COMMITTED: Final = "read_committed"
# Bytes of a fetch, for one partition and in all. A partition's share is a record's greatest size.
PARTITION_BYTES: Final = 1024 * 1024
FETCH_BYTES: Final = 16 * 1024 * 1024


def consumer(bootstrap: str, *topics: str, settings: KafkaSettings | None = None, **options: Any) -> AIOKafkaConsumer:
    """A consumer, not started, without automatic commits. Without `settings` those of the environment are used.

    Raises:
        pydantic.ValidationError: when the settings contradict each other.
    """
    install_lenient_reader()
    settings = settings or KafkaSettings()
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        isolation_level=COMMITTED,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_BYTES,
        metadata_max_age_ms=settings.metadata_age_ms,
        **settings.kafka_client(),
        **options,
    )
