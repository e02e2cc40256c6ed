"""What follows from a provider's report of a message."""

from __future__ import annotations

from dataclasses import dataclass

from services.notifications.delivery import Form, Status
from services.notifications.providers import ReportStatus


@dataclass(frozen=True, slots=True)
class Reported:
    """A delivery after a report: its status, and the form in which it is tried again where it is pending."""

    status: Status
    form: Form


_ORDER = (Status.SENT, Status.DELIVERED, Status.READ)
_PROGRESS = {
    ReportStatus.ON_ITS_WAY: Status.SENT,
    ReportStatus.DELIVERED: Status.DELIVERED,
    ReportStatus.READ: Status.READ,
}


def after_report(status: Status, form: Form, said: ReportStatus, *, has_template: bool) -> Reported:
    """Reports come late, twice and in any order: they lead onwards only, and what arrived is not lost any more.

    A window that had closed is no loss yet where there is a template to send instead.
    """
    if status not in _ORDER:
        return Reported(status, form)
    if said in _PROGRESS:
        return Reported(max(status, _PROGRESS[said], key=_ORDER.index), form)
    if status is not Status.SENT:
        return Reported(status, form)
    if said is ReportStatus.WINDOW_CLOSED and has_template and form is Form.FREE:
        return Reported(Status.PENDING, Form.TEMPLATE)
    return Reported(Status.FAILED, form)
