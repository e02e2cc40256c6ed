"""Which partition a key belongs to: Kafka's own rule, reckoned once for a key."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aiokafka.partitioner import DefaultPartitioner, murmur2

KEYS = 20_000
_POSITIVE = 0x7FFFFFFF

_keyless = DefaultPartitioner()


def partition(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """Choose one of `partitions` as the Java client does; without a key any that is available."""
    if key is None:
        chosen: int = _keyless(key, partitions, available)
        return chosen
    return partitions[_hash(key) % len(partitions)]


@lru_cache(KEYS)
def _hash(key: bytes) -> int:
    """The client's hash is in Python: it costs as much as building a message, and some share a key."""
    hashed: int = murmur2(key) & _POSITIVE
    return hashed
