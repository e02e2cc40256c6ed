"""Gives records to a service's processor, as its subscriber would."""

from __future__ import annotations

from collections.abc import Sequence

from shared.consumer.odd_records import Record
from shared.consumer.processor import Processor


async def process_records(processor: Processor, records: Sequence[Record]) -> None:
    """Process records to the end of each: the urgent ones first, then the rest."""
    for batch in processor.decode(records):
        await processor.process_batch(batch)
