"""Chat providers: the webhook by which messages come, and the way by which replies leave; `registry.py` names them."""

from services.conversations.providers.port import Conversation, KeepsConversations, Reply, ReplySender
from services.conversations.providers.registry import PROVIDERS
from services.conversations.providers.webhook import Unreadable, Webhook

__all__ = ["PROVIDERS", "Conversation", "KeepsConversations", "Reply", "ReplySender", "Unreadable", "Webhook"]
