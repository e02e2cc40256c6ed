"""Publishes records whose header names are any bytes, as producers in other languages can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

NAME = b"caf\xe9"  # Latin-1
SHOWN = "caf\\xe9"
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
Record = tuple[bytes, Sequence[tuple[str, bytes]]]


class RawName(str):
    """A header's name that goes out as these bytes."""

    def __new__(cls, raw: bytes) -> RawName:
        """Keep the bytes beside something that can be shown."""
        made = super().__new__(cls, repr(raw))
        made._raw = raw
        return made

    _raw: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes themselves."""
        return self._raw


ODD = RawName(NAME)


def batch_bytes(records: Sequence[Record], codec: str = "none") -> bytes:
    """One batch as it is stored."""
    builder = _builder(codec)
    for number, (body, headers) in enumerate(records):
        builder.append(number, None, None, body, list(headers))
    return bytes(builder.build())


async def publish_batch(
    producer: AIOKafkaProducer, topic: str, records: Sequence[Record], *, partition: int = 0, codec: str = "none"
) -> None:
    """Send records as one batch to one partition."""
    batch = producer.create_batch()
    batch._builder = _builder(codec)
    for body, headers in records:
        batch.append(timestamp=None, key=None, value=body, headers=list(headers))
    await (await producer.send_batch(batch, topic, partition=partition))


def _builder(codec: str) -> Any:
    return _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=1_000_000,
    )
