"""What a console for staff reads: pages of threads and messages, searches, unread counts."""

from services.conversations.console.api import MAY_NOT, MISSING, NO_THREAD
from services.conversations.console.queries import contact_page

__all__ = ["MAY_NOT", "MISSING", "NO_THREAD", "contact_page"]
