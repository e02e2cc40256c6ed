"""Topics as data: name, partitions, retention and bounds. They are declared, as a broker's defaults do not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

_SUMMED_UP = "compact"
DEFAULT_PARTITIONS = 4
LARGEST_MESSAGE = "max.message.bytes"
# A broker's default. It is set for each topic, so that another default does not let larger messages in.
MESSAGE_BYTES = 1_048_588
# A message that is retried or dead-lettered also carries its envelope, its history and longer header names.
KEPT_BYTES = MESSAGE_BYTES + 384 * 1024


class Writers(StrEnum):
    """Who may write to a topic, beside Posada's command line."""

    SERVICES = "services"
    GATEWAYS = "gateways"
    SOURCES = "sources of money"


@dataclass(frozen=True, slots=True)
class Topic:
    """One Kafka topic.

    `partitions` is how many instances can share its work; each one makes every fetch a little slower. `default_type` is
    the CloudEvents type of a message without a `ce_type` header, for public topics with a single type. A record needs
    our MAC unless others than services are `writers`. `largest` is the size in bytes of a record, or of a batch as it
    was sent.
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
        """Whether others than Posada's services write to it."""
        return self.writers is not Writers.SERVICES

    def settings(self) -> dict[str, str]:
        """The broker's configuration for this topic."""
        limit = {LARGEST_MESSAGE: str(self.largest)}
        if self.compacted:
            return {"cleanup.policy": _SUMMED_UP} | limit
        return {"retention.ms": str(int(self.retention.total_seconds() * 1000))} | limit

    def for_instances(self, most: int) -> Topic:
        """The topic with partitions for `most` instances, in proportion; a single partition stays one."""
        if self.partitions == 1:
            return self
        return replace(self, partitions=math.ceil(self.partitions * most / DEFAULT_PARTITIONS))


def internal(service: str) -> Topic:
    """A service's own timers and retries; no other service reads or writes it."""
    description = f"Timers and second attempts of {service}."
    return Topic(f"posada.{service}.internal", description, partitions=1, largest=KEPT_BYTES)


def dead(service: str) -> Topic:
    """A service's dead letters, each with its history; replaying one leaves a tombstone."""
    description = f"Dead letters of {service}."
    return Topic(f"posada.{service}.dead", description, partitions=1, compacted=True, largest=KEPT_BYTES)
