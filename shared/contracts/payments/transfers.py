"""Payments' messages about money that arrived."""

from __future__ import annotations

import json
from typing import Any, Final, Self

from pydantic import ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from shared.contracts import topics
from shared.contracts.common import (
    Currency,
    Day,
    Deciding,
    Describing,
    DescribingName,
    Identifier,
    PaymentMethod,
    PositiveAmount,
    is_placeholder,
)
from shared.messages.incoming import Incoming
from shared.messages.message import Message

# What staff took and what an online gateway paid is recorded under ids that others could reckon.
OWN_SOURCES: Final = frozenset({"desk", "stripe"})
FROM_KAFKA: Final = "kafka"


def _mended(body: bytes) -> dict[str, Any] | None:
    """The object in a body that has half a letter somewhere, or bytes of another encoding; None where it is none.

    What describes the money may lose a letter; ids and what decides are left to be refused.
    """
    try:
        given = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


class FromSource(Incoming, Message):
    """What a source of transfers says of one of them. `source` and `transfer_id` together are unique."""

    transfer_id: Identifier
    source: Identifier = "kafka"

    @classmethod
    def from_wire(cls, body: bytes, reference: str) -> Self:
        """Read one that came over Kafka, where the sources that only Posada itself records are refused.

        Raises:
            pydantic.ValidationError: naming every field that does not fit.
        """
        del reference
        try:
            return cls.model_validate_json(body, context=FROM_KAFKA)
        except ValidationError as wrong:
            if any(problem["type"] != "json_invalid" for problem in wrong.errors()):
                raise
            given = _mended(body)
            if given is None:
                raise
        return cls.model_validate(given, context=FROM_KAFKA)

    @field_validator("source")
    @classmethod
    def _not_ours(cls, source: str, info: ValidationInfo) -> str:
        if info.context == FROM_KAFKA and source.casefold() in OWN_SOURCES:
            raise PydanticCustomError("own_source", "is a name that Posada keeps for itself: take another one")
        return source

    @field_validator("transfer_id")
    @classmethod
    def _is_an_id(cls, transfer_id: str) -> str:
        if is_placeholder(transfer_id):
            raise PydanticCustomError("no_id", "says that there is no id: give one that differs for each transfer")
        return transfer_id


class TransferArrived(
    FromSource,
    type="posada.payments.transfer-arrived.v1",
    topic=topics.PAYMENTS_TRANSFERS,
    key="transfer_id",
    signed=True,
    speaker="source",
):
    """One line of a bank's or card provider's feed. `source` and `transfer_id` together are unique.

    What only describes the money never keeps it out: text of any length and form is made fit. What decides, the
    authorisation number, is never cut.
    """

    property_id: Identifier | None = None
    method: PaymentMethod = PaymentMethod.BANK_TRANSFER
    amount: PositiveAmount
    currency: Currency = "USD"
    posted_on: Day
    payer: DescribingName = None
    reference: Describing = None
    authorization_number: Deciding = None


class TransferReversed(
    FromSource,
    type="posada.payments.transfer-reversed.v1",
    topic=topics.PAYMENTS_TRANSFERS,
    key="transfer_id",
    signed=True,
    speaker="source",
):
    """The bank took a transfer back, in whole or in part: what is free of it can no longer be used.

    `transfer_id` is that of the transfer; `reversal_id` is the source's own for taking it back: the same counts once.
    `posted_on` is the day on which it was taken back.
    """

    reversal_id: Identifier
    property_id: Identifier | None = None
    amount: PositiveAmount
    currency: Currency = "USD"
    posted_on: Day
    payer: DescribingName = None
    reference: Describing = None
