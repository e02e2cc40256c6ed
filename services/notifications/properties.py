"""The settings of notifications that differ by property."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from services.notifications.delivery.model import Event
from services.notifications.events.schedule import QuietHours

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{8,15}$")]


class PropertySettings(BaseModel):
    """One property's settings. Times are local."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chat_events: frozenset[Event] = Field(frozenset(), description="Events that go out by chat beyond the usual ones.")
    quiet_from: time = Field(time(21), description="From then on nothing rings that is not urgent.")
    quiet_until: time = Field(time(8), description="Until then; the same as quiet_from: no quiet hours.")
    check_out_time: time = time(12)
    show_rooms: bool = Field(False, description="Guests may read their rooms' numbers before they arrive.")
    feedback_url: str | None = Field(None, description="Where guests leave an opinion; else they answer the message.")
    staff_email: EmailStr | None = None
    staff_phone: Phone | None = Field(None, description="Phone number of staff for urgent alerts.")

    @property
    def quiet(self) -> QuietHours:
        """The hours in which nothing makes a sound that is not urgent."""
        return QuietHours(self.quiet_from, self.quiet_until)


class PropertyDirectory:
    """The settings of each property: its own, or the usual ones."""

    def __init__(self, known: Mapping[str, PropertySettings], usual: PropertySettings | None = None) -> None:
        self._known = known
        self._usual = usual or PropertySettings()

    def of(self, property_id: str) -> PropertySettings:
        """A property's settings."""
        return self._known.get(property_id, self._usual)
