"""Any header names are read, whatever the batch is compressed with; and what aiokafka can read is read the same."""

from __future__ import annotations

import gzip
import tracemalloc
from itertools import islice
from struct import pack
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.lenient_records import LenientRecords, broken_names, install_lenient_reader, records_of, unreadable
from shared.kafka.unpacking import GZIP, MOST_BYTES, SNAPPY, CannotUnpack, unpacked
from tests.support.cluster.odd_records import CODECS, ODD, SHOWN, batch_bytes

BODIES = st.binary(max_size=300)
HEADERS = st.lists(st.tuples(st.text(st.characters(codec="utf-8")), BODIES), max_size=5)
BATCHES = st.lists(st.tuples(BODIES, HEADERS), min_size=1, max_size=9)


def facts(record: Any) -> Any:
    return record.offset, record.timestamp, record.timestamp_type, record.key, record.value, list(record.headers)


@given(BATCHES, st.sampled_from(sorted(CODECS)))
def test_our_reader_reads_what_aiokafkas_does(records: Any, codec: str) -> None:
    data = batch_bytes(records, codec)
    assert [facts(record) for record in LenientRecords(data).next_batch()] == [
        facts(record) for record in DefaultRecordBatch(data)
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_only_the_odd_name_is_odd(codec: str) -> None:
    sound = (b"x" * 500, [("ce_id", b"1")])
    odd = (b"y" * 500, [("ce_id", b"2"), (ODD, b"hot"), ("ce_type", b"t")])
    data = batch_bytes([sound, odd, sound], codec) + batch_bytes([sound], codec)
    records = LenientRecords(data)
    found = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += list(batch)
    assert [record.value for record in found] == [sound[0], odd[0], sound[0], sound[0]]
    assert [record.offset for record in found] == [0, 1, 2, 0]
    assert [broken_names(record.headers) for record in found] == [[], [SHOWN], [], []]
    assert found[1].headers == [("ce_id", b"2"), (SHOWN, b"hot"), ("ce_type", b"t")]


def test_what_is_no_batch_becomes_one_record_that_says_so() -> None:
    data = bytearray(batch_bytes([(b"body", [("a", b"1")]), (b"body", [(ODD, b"1")])]))
    data[-2] = 0x60  # the length of the header's value
    *_, last = LenientRecords(bytes(data)).next_batch()
    assert "offsets 0 to 1" in unreadable(last.headers)
    assert (last.offset, last.value) == (1, bytes(data))
    with pytest.raises(CorruptRecordException, match="offset 0"):
        list(records_of(data))


PACKED_AT = 61  # behind the head of a batch


def packed(body: bytes, codec: str) -> bytes:
    return batch_bytes([(body, [("ce_id", b"1")])], codec)


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"none"}))
def test_a_batch_that_unpacks_to_too_much_takes_no_memory(codec: str) -> None:
    bomb = packed(b"0" * 150_000_000, codec)
    tracemalloc.start()
    try:
        (record,) = LenientRecords(bomb).next_batch()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "unpack to more than" in unreadable(record.headers)
    assert record.value == bomb
    assert peak < 3 * len(bomb) + 3 * MOST_BYTES


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"none"}))
def test_few_bytes_that_hold_many_records_are_not_read(codec: str) -> None:
    """Each of them would become a letter of a kilobyte."""
    (record,) = LenientRecords(batch_bytes([(b"", [])] * 10_000, codec)).next_batch()
    assert "10000 records" in unreadable(record.headers)
    assert record.offset == 9_999
    named = [(b"{}", [("ce_id", uuid4().hex.encode())]) for _ in range(5_000)]
    assert len(list(LenientRecords(batch_bytes(named, codec)).next_batch())) == 5_000


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"none"}))
@pytest.mark.parametrize("size", [0, 1, 900_000])
def test_what_is_sent_in_earnest_is_within_the_bounds(codec: str, size: int) -> None:
    body = (b'{"amount": "690.00", "payer": "Ana"}, ' * (size // 38 + 1))[:size]
    (record,) = LenientRecords(packed(body, codec)).next_batch()
    assert (record.value, unreadable(record.headers)) == (body, "")


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"none"}))
def test_a_damaged_batch_becomes_one_record_that_says_so(codec: str) -> None:
    data = bytearray(packed(bytes(range(256)) * 20, codec))
    data[PACKED_AT : PACKED_AT + 4] = b"\xff" * 4
    (record,) = LenientRecords(bytes(data)).next_batch()
    assert "offsets 0 to 0 cannot be read" in unreadable(record.headers)


def test_many_parts_with_nothing_in_them_take_no_time() -> None:
    """A megabyte of empty members of gzip took 8 seconds, in which a service heard nothing."""
    empty = gzip.compress(b"")
    with pytest.raises(CannotUnpack, match="more than 64 parts"):
        unpacked(empty * 50_000, GZIP)
    assert unpacked(empty * 63 + gzip.compress(b"x"), GZIP) == b"x"
    head, block = b"\x82SNAPPY\x00" + bytes(8), b"\x00\x00\x00\x01\x00"
    with pytest.raises(CannotUnpack, match="more than 8192 blocks"):
        unpacked(head + block * 200_000, SNAPPY)
    assert unpacked(head + block * 8192, SNAPPY) == b""


def test_a_codec_that_nobody_knows_is_named() -> None:
    with pytest.raises(CannotUnpack, match="codec 7"):
        unpacked(b"x", 7)


class Active:
    """An assignment of one partition, as far as a result of a fetch looks at it."""

    active, paused, position = True, False, 0

    def state_value(self, _: Any) -> Active:
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def test_many_batches_that_unpack_to_much_are_taken_a_few_at_a_time() -> None:
    """None is too large by itself: fetched they are few kilobytes, and unpacked a hundred megabytes."""
    place = TopicPartition("t", 0)
    batches = b"".join(
        pack(">q", number) + packed(b"x" * 1_000_000, "zstd")[8:] for number in range(100)
    )  # each at its offset
    install_lenient_reader()
    records = fetcher.PartitionRecords(place, fetcher.MemoryRecords(batches), [], 0, None, None, True, 1)
    result = fetcher.FetchResult(place, assignment=Active(), partition_records=records, backoff=0)
    tracemalloc.start()
    try:
        taken = []
        while result.has_more():
            taken.append([record.offset for record in result.getall(500)])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [offset for some in taken for offset in some] == list(range(100))
    assert max(map(len, taken)) <= 2
    assert peak < 20_000_000


def test_the_records_of_a_batch_are_made_as_they_are_asked_for() -> None:
    many = batch_bytes([(b"", [])] * 100_000)
    batch = iter(LenientRecords(many).next_batch())
    tracemalloc.start()
    try:
        first = [record.offset for record in islice(batch, 500)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert first == list(range(500))
    assert peak < 10_000_000
