"""What every event about a confirmed booking repeats of its request: guest, contact, property and language."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.contracts.booking import Contact, Guest, PropertyFacts
from shared.contracts.common import Language


class EventContext(BaseModel):
    """The part of a booking's request that its later events repeat."""

    model_config = ConfigDict(frozen=True)

    request_id: str
    property: PropertyFacts
    language: Language
    guest: Guest
    contact: Contact
    cancellation_policy: str | None = None

    def facts(self) -> dict[str, Any]:
        """The fields of an event."""
        return {name: getattr(self, name) for name in type(self).model_fields}
