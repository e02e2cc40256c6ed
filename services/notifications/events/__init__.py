"""What an event leads to: recipients, times of reminders, and which messages it supersedes."""

from services.notifications.events.recipients import Address, chat_addresses
from services.notifications.events.schedule import at
from services.notifications.events.superseding import supersedes

__all__ = ["Address", "at", "chat_addresses", "supersedes"]
