"""What providers say later of a message that they took, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.notifications.delivery.model import Form, Status


class Fate(StrEnum):
    """A provider's word, whatever it calls it."""

    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    READ = "read"
    LOST = "lost"
    WINDOW_CLOSED = "window_closed"


@dataclass(frozen=True, slots=True)
class Report:
    """One report: of which message, what, when; `said` and `problem` are the provider's words."""

    provider: str
    provider_id: str
    fate: Fate
    at: datetime
    said: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """A delivery after a report: its status, and the form in which it is tried again where it is pending."""

    status: Status
    form: Form


_ORDER = (Status.SENT, Status.DELIVERED, Status.READ)
_PROGRESS = {Fate.ON_ITS_WAY: Status.SENT, Fate.DELIVERED: Status.DELIVERED, Fate.READ: Status.READ}


def after_report(status: Status, form: Form, fate: Fate, *, has_template: bool) -> Reported:
    """Reports come late, twice and in any order: they lead onwards only, and what arrived is not lost any more.

    A window that had closed is no loss yet where there is a template to send instead.
    """
    if status not in _ORDER:
        return Reported(status, form)
    if fate in _PROGRESS:
        return Reported(max(status, _PROGRESS[fate], key=_ORDER.index), form)
    if status is not Status.SENT:
        return Reported(status, form)
    if fate is Fate.WINDOW_CLOSED and has_template and form is Form.FREE:
        return Reported(Status.PENDING, Form.TEMPLATE)
    return Reported(Status.FAILED, form)
