"""Makes every consumer of Kafka: committed records alone, batches unpacked within bounds, new partitions seen soon."""

from __future__ import annotations

from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from shared.kafka.access import KafkaSettings
from shared.kafka.lenient_records import read_tolerantly

# What an open transaction wrote may still be taken back: with read_committed a fetch ends before it, and so do the
# ends of partitions that the broker tells of (the last stable offset).
COMMITTED: Final = "read_committed"
# What a fetch may bring: a partition's share is what a record may have at the most; a larger batch comes alone.
PARTITION_BYTES: Final = 1024 * 1024
FETCH_BYTES: Final = 16 * 1024 * 1024


def consumer(bootstrap: str, *topics: str, settings: KafkaSettings | None = None, **options: Any) -> AIOKafkaConsumer:
    """A consumer, not started; it commits nothing by itself. Unset, `settings` are those of the environment.

    Raises:
        pydantic.ValidationError: when the settings contradict each other.
    """
    read_tolerantly()
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
