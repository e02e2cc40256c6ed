"""What a chat provider is to us: its settings, its webhook, and where it takes replies and keeps conversations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable
from uuid import UUID

from services.conversations.providers.webhook import Webhook
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import ClientLimits
from shared.settings import ExternalSystem, SettingsFragment

S = TypeVar("S", bound=SettingsFragment)


@dataclass(frozen=True, slots=True)
class Reply:
    """What staff write. `id` is the idempotency key, `attempt` counts from 1; `recipient` is what its channel knows
    the tenant by, and `conversation` the provider's, where there is one.
    """

    id: UUID
    text: str
    author: Author
    channel: Channel
    recipient: str
    participants: Mapping[str, str]
    conversation: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread as its provider should have it. `current` says that the tenant wrote in none of theirs since."""

    thread_id: UUID
    name: str
    participants: Mapping[str, str]
    channel: Channel
    tenant: str
    conversation: str | None = None
    current: bool = True


class ReplySender(Protocol):
    """Takes replies. `longest` is how many characters one may have."""

    name: str
    longest: int

    async def send(self, reply: Reply) -> str:
        """Send a reply and return the provider's id of it.

        Raises:
            CallFailed: when it was not taken, or nobody knows.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@runtime_checkable
class KeepsConversations(Protocol):
    """A provider with conversations of its own."""

    name: str

    async def keep(self, conversation: Conversation) -> str:
        """Have the conversation, its name and its participants there; returns its id. Repeating changes nothing.

        Raises:
            CallFailed: when that was not possible.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChatProvider(Generic[S]):
    """One provider, chosen by its settings.

    `webhook` is none where the setting `secret` is not set, `senders` none where it sends nothing. `system` is where
    it is called.
    """

    name: str
    settings: type[S]
    system: ExternalSystem
    secret: str
    webhook: Callable[[S, Mapping[str, Author]], Webhook | None]
    senders: Callable[[S, ClientLimits], Mapping[Channel, ReplySender]]


AnyProvider = ChatProvider[Any]
