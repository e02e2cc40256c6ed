"""Sending: a delivery's states, its attempts, and the rates that are watched."""

from services.notifications.delivery.calendar import StayEntry, entry_in
from services.notifications.delivery.metrics import DELIVERIES, REPORTS, REPORTS_REFUSED
from services.notifications.delivery.model import (
    NOT_URGENT,
    SILENT,
    Audience,
    Channel,
    Content,
    Delivery,
    Event,
    Form,
    Status,
    Template,
    of_stays,
)
from services.notifications.delivery.page import Page, PageParts, page_in
from services.notifications.delivery.rows import claimed, storable
from services.notifications.delivery.store import Composer, DeliveryStore, Lost, Occasion

__all__ = [
    "DELIVERIES",
    "NOT_URGENT",
    "REPORTS",
    "REPORTS_REFUSED",
    "SILENT",
    "Audience",
    "Channel",
    "Composer",
    "Content",
    "Delivery",
    "DeliveryStore",
    "Event",
    "Form",
    "Lost",
    "Occasion",
    "Page",
    "PageParts",
    "Status",
    "StayEntry",
    "Template",
    "claimed",
    "entry_in",
    "of_stays",
    "page_in",
    "storable",
]
