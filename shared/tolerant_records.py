"""Reads Kafka records whose header names are no text, where aiokafka gives up on the whole partition."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_OVERHEAD = struct.calcsize(">qi")  # a batch's first offset, and its length from there on
_LENGTH_AT = struct.calcsize(">q")
_MAGIC_AT = struct.calcsize(">qii")
_MAGIC = 2  # today's format of records


class BrokenName(str):
    """The name of a header that is not UTF-8, with its odd bytes written as escapes so that it can be shown."""

    __slots__ = ()


def read_tolerantly() -> None:
    """Make every consumer of this process read such records, their odd names as BrokenName.

    aiokafka raises at the first of them, drops what it had read of the batch and of other partitions, and raises at
    the same place for ever. It offers no way to bring a reader of one's own, so its fetcher is given ours.

    Raises:
        RuntimeError: when this version of aiokafka has no such place.
    """
    if not hasattr(fetcher, "MemoryRecords"):
        raise RuntimeError("aiokafka's fetcher reads records in another way: see shared/tolerant_records.py")
    fetcher.MemoryRecords = TolerantRecords


def broken_names(headers: Any) -> list[str]:
    """The names among a record's headers that are not UTF-8."""
    return [name for name, _ in headers if isinstance(name, BrokenName)]


class TolerantRecords:
    """The batches in an answer of the broker: aiokafka's MemoryRecords, with each batch tolerant."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._records = MemoryRecords(data)

    def size_in_bytes(self) -> int:
        """The size of the whole answer."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Whether another whole batch is there."""
        return bool(self._records.has_next())

    def next_batch(self) -> TolerantBatch:
        """The next batch."""
        begin = self._at
        self._at += _OVERHEAD + struct.unpack_from(">i", self._data, begin + _LENGTH_AT)[0]
        return TolerantBatch(self._records.next_batch(), memoryview(self._data)[begin : self._at])


class TolerantBatch:
    """One batch: read by aiokafka's fast reader, and by our own where that one raises."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except (CorruptRecordException, UnicodeDecodeError):
            if self._data[_MAGIC_AT] < _MAGIC:
                raise  # older records have no headers
            return iter(list(records_of(self._data)))


def records_of(data: bytes | memoryview) -> Iterator[Any]:
    """The records of a batch in today's format (magic 2), with any header names.

    Raises:
        CorruptRecordException: when it is not built as Kafka's protocol has it; a broker takes no such batch.
    """
    batch = iter(_DefaultRecordBatchPy(data))  # it unpacks what is compressed
    reader = _Reader(batch._buffer, batch._pos)
    try:
        for _ in range(batch._num_records):
            yield _record(reader, batch)
    except (ValueError, IndexError) as error:
        raise CorruptRecordException(f"the batch at offset {batch.base_offset} cannot be read: {error!r}") from error


def _record(reader: _Reader, batch: Any) -> Any:
    end = reader.number() + reader.at
    reader.number()  # attributes: none are in use
    timestamp = batch.first_timestamp + reader.number()
    offset = batch.base_offset + reader.number()
    key, value = reader.field(), reader.field()
    headers = [(reader.name(), reader.field()) for _ in range(reader.number())]
    if reader.at != end:
        raise ValueError(f"the record at offset {offset} ends at byte {reader.at} and not at {end}")
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        timestamp = batch.max_timestamp
    return DefaultRecord(offset, timestamp, batch.timestamp_type, key, value, headers)


class _Reader:
    """Goes through a batch's bytes, field by field."""

    def __init__(self, data: bytearray, at: int) -> None:
        self._data = data
        self.at = at

    def number(self) -> int:
        value, self.at = decode_varint(self._data, self.at)
        return int(value)

    def field(self) -> bytes | None:
        length = self.number()
        if length < 0:
            return None
        self.at += length
        if self.at > len(self._data):
            raise ValueError("a field reaches beyond the batch")
        return bytes(self._data[self.at - length : self.at])

    def name(self) -> str:
        name = self.field() or b""
        try:
            return name.decode()
        except UnicodeDecodeError:
            return BrokenName(name.decode("utf-8", "backslashreplace"))
