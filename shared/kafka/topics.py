"""Topics as data: name, partitions, retention; declared by us, because a broker's own default is one partition."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

_SUMMED_UP = "compact"
DEFAULT_PARTITIONS = 4
LARGEST_MESSAGE = "max.message.bytes"
# As a broker has it by default; said for each topic, so that neither another default nor its change lets in more.
MESSAGE_BYTES = 1_048_588
# What is tried again or set aside is such a message with its envelope, its history and the names of its headers longer.
KEPT_BYTES = MESSAGE_BYTES + 384 * 1024


class Writers(StrEnum):
    """Who may write to a topic beside our own command line."""

    SERVICES = "services"
    GATEWAYS = "gateways"
    SOURCES = "sources of money"


@dataclass(frozen=True, slots=True)
class Topic:
    """One Kafka topic.

    `partitions` bounds how many instances share its work, and every one costs each fetch of each instance a little:
    aiokafka writes and reads them all, every time. `default_type` is the CloudEvents type that a message
    without a `ce_type` header is taken for; only public topics that carry a single type have one. Where others than
    services are `writers` a record may come without our MAC. `largest` is how many bytes a record may have, or a batch
    of several, packed as it was sent.
    """

    name: str
    description: str
    partitions: int = DEFAULT_PARTITIONS
    retention: timedelta = timedelta(days=7)
    public: bool = False
    compacted: bool = False
    largest: int = MESSAGE_BYTES
    default_type: str | None = None
    writers: Writers = Writers.SERVICES

    @property
    def open(self) -> bool:
        """Whether others than our services write to it."""
        return self.writers is not Writers.SERVICES

    def settings(self) -> dict[str, str]:
        """The broker's configuration for this topic."""
        limit = {LARGEST_MESSAGE: str(self.largest)}
        if self.compacted:
            return {"cleanup.policy": _SUMMED_UP} | limit
        return {"retention.ms": str(int(self.retention.total_seconds() * 1000))} | limit

    def for_instances(self, most: int) -> Topic:
        """The same for so many instances: those with little to do keep their share, a single partition stays one."""
        if self.partitions == 1:
            return self
        return replace(self, partitions=math.ceil(self.partitions * most / DEFAULT_PARTITIONS))


def internal(service: str) -> Topic:
    """A service's own timers and second attempts; nobody else reads or writes it, and there are few."""
    what = f"Timers and second attempts of {service}."
    return Topic(f"posada.{service}.internal", what, partitions=1, largest=KEPT_BYTES)


def dead(service: str) -> Topic:
    """What a service had to set aside, with the history of the fault; replaying one leaves a tombstone."""
    what = f"Dead letters of {service}."
    return Topic(f"posada.{service}.dead", what, partitions=1, compacted=True, largest=KEPT_BYTES)
