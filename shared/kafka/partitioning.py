"""Which partition a key belongs to: Kafka's own rule, computed once for each key."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aiokafka.partitioner import DefaultPartitioner, murmur2

KEYS = 20_000
_POSITIVE = 0x7FFFFFFF

_keyless = DefaultPartitioner()


def partition(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """The partition that the Java client would choose; without a key any available one."""
    if key is None:
        chosen: int = _keyless(key, partitions, available)
        return chosen
    return partitions[_hash(key) % len(partitions)]


@lru_cache(KEYS)
def _hash(key: bytes) -> int:
    """Cached, as aiokafka's hash is in Python and costs as much as building a message; messages share keys."""
    hashed: int = murmur2(key) & _POSITIVE
    return hashed
