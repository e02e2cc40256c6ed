"""Reads record batches on which aiokafka fails: header names that are not UTF-8, and too large packed batches."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from shared.kafka.unpacking import CannotUnpack, unpacked

_OVERHEAD = struct.calcsize(">qi")  # a batch's first offset, and its length from there on
_LENGTH_AT = struct.calcsize(">q")
_MAGIC_AT = struct.calcsize(">qii")
PORTION_BYTES = 1024 * 1024  # bytes of a partition that are given out at once, and at least one record
_MAGIC = 2  # today's format of records
_ATTRIBUTES_AT = _DefaultRecordBatchPy.ATTRIBUTES_OFFSET
_RECORDS_AT = _DefaultRecordBatchPy.HEADER_STRUCT.size
_COUNT_AT = _RECORDS_AT - struct.calcsize(">i")
_CODEC = _DefaultRecordBatchPy.CODEC_MASK
# Each record may cost us a dead letter or an answer. So a packed batch may have FREE_RECORDS records, and one more for
# every LEAST_BYTES bytes. Genuine records take more: each has an id of its own, which packing cannot shorten.
FREE_RECORDS, LEAST_BYTES = 64, 8


class BrokenName(str):
    """The name of a header that is not UTF-8, with its invalid bytes as escapes."""

    __slots__ = ()


class UnreadableBatch(str):
    """The name of the only header of a record that replaces an unreadable batch; the header's value says why.

    The record has the batch's last offset, and its value is the batch as it is stored.
    """

    __slots__ = ()


_UNREADABLE = UnreadableBatch("posada_unreadable")
_PLAIN = frozenset({str})
_NAME = itemgetter(0)  # of a header


def install_lenient_reader() -> None:
    """Make every consumer of this process read such records, invalid header names as BrokenName.

    aiokafka raises at the first of them, drops what it has read, and raises at the same offset for ever; and it
    unpacks a batch of any size. It has no hook for another reader, so two classes in its fetcher are replaced.

    Raises:
        RuntimeError: when this version of aiokafka has no such classes.
    """
    if not (hasattr(fetcher, "MemoryRecords") and hasattr(fetcher, "FetchResult")):
        raise RuntimeError("aiokafka's fetcher reads records in another way: see shared/kafka/lenient_records.py")
    fetcher.MemoryRecords = LenientRecords
    fetcher.FetchResult = BoundedResult


def broken_names(headers: Any) -> list[str]:
    """The names among a record's headers that are not UTF-8."""
    if _are_plain(headers):
        return []
    return [name for name, _ in headers if isinstance(name, BrokenName)]


def _are_plain(headers: Any) -> bool:
    """Whether no name is one of our own kinds of text, as with nearly every record: so they are looked at in one go."""
    return {*map(type, map(_NAME, headers))} <= _PLAIN


def unreadable(headers: Any) -> str:
    """Why the batch that a record replaces cannot be read; empty for any other record."""
    if _are_plain(headers):
        return ""
    for name, value in headers:
        if isinstance(name, UnreadableBatch):
            return str(value.decode())
    return ""


class BoundedResult(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka has no types
    """What was fetched of a partition, given out in portions bounded in bytes as well as in records.

    A megabyte that was fetched may hold a thousand batches that unpack to a megabyte each.
    """

    def getall(self, max_records: int | None = None) -> list[Any]:
        """The next records: at most `max_records`, and no more once they have PORTION_BYTES."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        found: list[Any] = []
        size = 0
        for record in self._partition_records:  # type: ignore[has-type]
            found.append(record)
            size += max(0, record.serialized_key_size) + max(0, record.serialized_value_size)
            size += sum(len(name) + len(value or b"") for name, value in record.headers)
            if size >= PORTION_BYTES or len(found) == max_records:
                self._update_position()
                return found
        self._update_position()
        self._partition_records = None
        return found


class LenientRecords:
    """The batches in a broker's answer: aiokafka's MemoryRecords, with each batch as a LenientBatch."""

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

    def next_batch(self) -> LenientBatch:
        """The next batch."""
        begin = self._at
        self._at += _OVERHEAD + struct.unpack_from(">i", self._data, begin + _LENGTH_AT)[0]
        return LenientBatch(self._records.next_batch(), memoryview(self._data)[begin : self._at])


class LenientBatch:
    """One batch: unpacked within bounds, read by aiokafka's fast reader, or by our own when that raises."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """The records one by one: a batch may hold a million, and a reader takes some hundreds at a time."""
        read = 0
        try:
            plain = _unpacked(self._data)
            try:
                for record in self._batch if plain is None else DefaultRecordBatch(plain):
                    yield record
                    read += 1
            except (CorruptRecordException, UnicodeDecodeError):
                yield from islice(records_of(self._data if plain is None else plain), read, None)
        except (CannotUnpack, CorruptRecordException) as why:
            # Its checksum is right, so it was written like this: fetching it again would not help.
            yield self._unreadable(str(why))

    def _unreadable(self, why: str) -> Any:
        batch = self._batch
        first, last = batch.base_offset, batch.next_offset - 1
        reason = f"the batch at offsets {first} to {last} cannot be read: {why}".encode()
        data = bytes(self._data)
        return DefaultRecord(last, batch.max_timestamp, batch.timestamp_type, None, data, [(_UNREADABLE, reason)])


def _unpacked(data: memoryview) -> bytes | None:
    """A packed batch in its unpacked form; None for a batch that is not packed.

    Raises:
        CannotUnpack: when it is too large or damaged.
    """
    if data[_MAGIC_AT] < _MAGIC:
        if data[_MAGIC_AT + 1] & _CODEC:
            raise CannotUnpack("it is packed in the format of Kafka 0.10 and before")
        return None
    (attributes,) = struct.unpack_from(">h", data, _ATTRIBUTES_AT)
    if not (codec := attributes & _CODEC):
        return None
    (count,) = struct.unpack_from(">i", data, _COUNT_AT)
    if count > FREE_RECORDS + (len(data) - _RECORDS_AT) // LEAST_BYTES:
        raise CannotUnpack(f"{len(data)} bytes hold {count} records: send fewer in a batch")
    head = bytearray(data[:_RECORDS_AT])
    struct.pack_into(">h", head, _ATTRIBUTES_AT, attributes & ~_CODEC)
    return bytes(head) + unpacked(bytes(data[_RECORDS_AT:]), codec)


def records_of(data: bytes | memoryview) -> Iterator[Any]:
    """The records of an unpacked batch in today's format (magic 2), with any header names.

    Raises:
        CorruptRecordException: when it does not follow Kafka's protocol; a broker accepts no such batch.
    """
    if data[_MAGIC_AT] < _MAGIC:
        raise CorruptRecordException("a record in the format of Kafka 0.10 and before is damaged")
    batch = iter(_DefaultRecordBatchPy(data))
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
    """Reads a batch's bytes field by field."""

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
