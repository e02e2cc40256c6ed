"""What gateways ask for and get an answer to: under an id of theirs, and with what of it was ignored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import Field, model_validator

from shared.contracts.common import Text
from shared.contracts.legacy_aliases import ignored_names
from shared.messages.incoming import MOST_UNKNOWN, Incoming, is_blank, renamed

Ignored = Annotated[
    tuple[Text, ...],
    Field(max_length=MOST_UNKNOWN, description="Names in the request that nobody knows; Posada fills it in."),
]
IgnoredNames = Annotated[
    Annotated[tuple[Text, ...], Field(max_length=MOST_UNKNOWN)] | None,
    Field(description="Names in the request that are not known and were ignored, if any."),
]


class Question(Incoming):
    """A request, a count, a quote or a question: unknown names are noted, to be told back with the answer.

    `parts` are the models of its fields that are objects or lists of them.
    """

    names_checked: ClassVar[bool] = True
    parts: ClassVar[Mapping[str, type[Incoming]]] = {}
    also_known: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def known_names(cls) -> frozenset[str]:
        """All names that are no mistake."""
        return super().known_names() | cls.also_known

    @classmethod
    def from_wire(cls, body: bytes, reference: str) -> Self:
        """Read one that came over Kafka; without a request id it gets its CloudEvents source and id as `reference`.

        Raises:
            pydantic.ValidationError: naming every field that does not fit.
        """
        try:
            given = orjson.loads(body)
        except orjson.JSONDecodeError:
            return cls.model_validate_json(body)
        if isinstance(given, dict) and is_blank(given.get("request_id")):
            given["request_id"] = reference
        return cls.model_validate(given)

    @model_validator(mode="before")
    @classmethod
    def _note_ignored(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        known = frozenset(cls.model_fields)
        parts = {field: part.known_names() for field, part in cls.parts.items()}
        ignored = list(islice(ignored_names(renamed(given, cls.older_names), known, parts), MOST_UNKNOWN))
        return {**given, "ignored": ignored} if ignored else given
