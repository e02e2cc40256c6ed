"""The content of messages: templates, rendering, samples, and the composer that decides who gets which message."""

from services.notifications.content.calendar import StayEntry, entry_in
from services.notifications.content.composer import NotificationComposer

__all__ = ["NotificationComposer", "StayEntry", "entry_in"]
