"""Our partitions are the ones that every Kafka client reckons."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.partitioning import partition


@given(st.binary(max_size=80), st.integers(1, 12))
def test_a_key_has_the_partition_that_the_client_would_choose(key: bytes, count: int) -> None:
    partitions = list(range(count))
    assert partition(key, partitions, partitions) == DefaultPartitioner()(key, partitions, partitions)
    assert partition(key, partitions, partitions) == DefaultPartitioner()(key, partitions, partitions)


def test_a_message_without_a_key_goes_where_a_leader_is() -> None:
    assert partition(None, [0, 1, 2], [1]) == 1
