"""Any header names are read, whatever the batch is compressed with; and what aiokafka can read is read the same."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from shared.tolerant_records import TolerantRecords, broken_names, records_of
from tests.support.odd_records import CODECS, ODD, SHOWN, batch_bytes

BODIES = st.binary(max_size=300)
HEADERS = st.lists(st.tuples(st.text(st.characters(codec="utf-8")), BODIES), max_size=5)
BATCHES = st.lists(st.tuples(BODIES, HEADERS), min_size=1, max_size=9)


def facts(record: Any) -> Any:
    return record.offset, record.timestamp, record.timestamp_type, record.key, record.value, list(record.headers)


@given(BATCHES, st.sampled_from(sorted(CODECS)))
def test_our_reader_reads_what_aiokafkas_does(records: Any, codec: str) -> None:
    data = batch_bytes(records, codec)
    assert [facts(record) for record in records_of(data)] == [facts(record) for record in DefaultRecordBatch(data)]


@pytest.mark.parametrize("codec", CODECS)
def test_only_the_odd_name_is_odd(codec: str) -> None:
    sound = (b"x" * 500, [("ce_id", b"1")])
    odd = (b"y" * 500, [("ce_id", b"2"), (ODD, b"hot"), ("ce_type", b"t")])
    data = batch_bytes([sound, odd, sound], codec) + batch_bytes([sound], codec)
    records = TolerantRecords(data)
    found = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += list(batch)
    assert [record.value for record in found] == [sound[0], odd[0], sound[0], sound[0]]
    assert [record.offset for record in found] == [0, 1, 2, 0]
    assert [broken_names(record.headers) for record in found] == [[], [SHOWN], [], []]
    assert found[1].headers == [("ce_id", b"2"), (SHOWN, b"hot"), ("ce_type", b"t")]


def test_what_is_no_batch_is_said_to_be_corrupt() -> None:
    data = bytearray(batch_bytes([(b"body", [(ODD, b"1")])]))
    data[-2] = 0x60  # the length of the header's value
    with pytest.raises(CorruptRecordException, match="offset 0"):
        list(TolerantRecords(bytes(data)).next_batch())
