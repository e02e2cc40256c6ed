"""The content of messages: templates, rendering, samples, and the composer that decides who gets which message."""

from services.notifications.content.composer import NotificationComposer

__all__ = ["NotificationComposer"]
