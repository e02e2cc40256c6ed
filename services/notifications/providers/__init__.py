"""The providers of each channel behind one port, one folder each; `registry.py` names them."""

from services.notifications.providers.callbacks import in_time
from services.notifications.providers.port import AnyProvider, Receipt, Sender, Tracer
from services.notifications.providers.report import Greeting, Report, ReportReader, ReportStatus

__all__ = [
    "AnyProvider",
    "Greeting",
    "Receipt",
    "Report",
    "ReportReader",
    "ReportStatus",
    "Sender",
    "Tracer",
    "in_time",
]
