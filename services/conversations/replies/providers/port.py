"""What a provider does for us: takes a reply, and where it has conversations of its own, keeps one for each thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

import httpx

from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.outbound.client import DestinationForbidden, json_in

PASSING = frozenset({408, 409, 425, 429})  # client errors that another attempt may not meet


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


class NotDone(Exception):
    """The provider did not do it; `final` says that asking again gets the same answer. No address is in the text."""

    def __init__(self, problem: str, *, final: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.final = final


class Provider(Protocol):
    """Takes replies. `longest` is how many characters one may have."""

    name: str
    longest: int

    async def send(self, reply: Reply) -> str:
        """Send a reply and return the provider's id of it.

        Raises:
            NotDone: when it was not taken, or nobody knows.
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
            NotDone: when that was not possible.
        """
        ...


async def ask(client: httpx.AsyncClient, method: str, path: str, **given: Any) -> httpx.Response:
    """A provider's answer, whatever its status; raises NotDone when there was none."""
    try:
        return await client.request(method, path, **given)
    except DestinationForbidden as fault:
        raise NotDone(str(fault), final=False) from fault
    except httpx.HTTPError as fault:
        raise NotDone(type(fault).__name__, final=False) from fault


def refuse_failure(answer: httpx.Response, what: str) -> None:
    """Raise NotDone for an answer that is no success: limits and server errors pass, other client errors are final."""
    if not answer.is_success:
        passing = answer.is_server_error or answer.status_code in PASSING
        raise NotDone(f"{what}: HTTP {answer.status_code}", final=not passing)


def object_in(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; raises NotDone for anything else, an error page for instance."""
    try:
        body = json_in(answer)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NotDone("the answer is no JSON object", final=False)
    return body
