"""What the command line signs Kafka records with: the environment's secrets, else those of the running Posada."""

from __future__ import annotations

from pathlib import Path

from posada.cluster.address import find
from posada.problems import Problem
from shared.messages.record_auth import Seal
from shared.messages.record_settings import TRUSTING, RecordSettings


def seal_of(data: Path) -> Seal | None:
    """The seal; None where there are no secrets, and what is sent goes unsigned, as a gateway's may."""
    own = RecordSettings().seal()
    address = find(data)
    return own or (Seal(address.kafka_secrets) if address and address.kafka_secrets else None)


def needed_seal(data: Path) -> Seal | None:
    """The same for what services take from our own programs alone; None where they trust the broker's access lists.

    Raises:
        Problem: when there is none and nobody said so.
    """
    seal = seal_of(data)
    if seal is None and not RecordSettings().trusts_access_lists:
        raise Problem(
            "The services take this from nobody without their secret: set POSADA_KAFKA_SECRETS as they have it, or"
            f" where they trust the broker's access lists POSADA_KAFKA_RECORDS={TRUSTING}."
        )
    return seal


def judging_seal(data: Path) -> Seal | None:
    """What is to be found on records that are read back; None where the broker's access lists are trusted."""
    return None if RecordSettings().trusts_access_lists else seal_of(data)
