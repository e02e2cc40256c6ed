"""Makes an answerable message of a count or quote request that does not fit its model."""

from __future__ import annotations

from shared.contracts.answerable import answerable
from shared.contracts.availability import CountInvalid, CountRequested, QuoteInvalid, QuoteRequested
from shared.messages.inbound import Invalid
from shared.messages.message import Message

ANSWERABLE: dict[str, type[CountInvalid | QuoteInvalid]] = {
    CountRequested.type_name: CountInvalid,
    QuoteRequested.type_name: QuoteInvalid,
}


def read_invalid(invalid: Invalid) -> Message | None:
    """The message to answer; None where it is no question."""
    kind = ANSWERABLE.get(invalid.answered_as)
    return answerable(invalid, kind) if kind else None
