"""Twilio Conversations: one conversation for each thread, with tenant, manager and assistant in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from services.conversations.inbound.twilio import OWN_REPLY
from services.conversations.replies.providers.port import (
    Conversation,
    NotDone,
    Reply,
    ask,
    object_in,
    refuse_failure,
)
from shared.contracts.common import Channel
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

URL = "https://conversations.twilio.com"
BOUND_ELSEWHERE = 50416  # "A binding for this participant and proxy address already exists in Conversation CH…"
TENANT = "tenant"
_SID = re.compile(r"CH[0-9a-f]{32}")
_PREFIX = {Channel.WHATSAPP: "whatsapp:", Channel.SMS: "", Channel.MESSENGER: "messenger:"}


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are at Twilio: the account or API key with its secret, and our own address of each channel."""

    user: str
    secret: str
    addresses: Mapping[Channel, str]


class TwilioConversations:
    """Twilio's REST API, `/v1/Conversations`, with basic authentication.

    A thread's id is its conversation's UniqueName: creating it twice finds the first. Twilio lets a tenant's address
    and one of ours meet in a single conversation, so a tenant with two apartments moves to the one that is spoken in.
    A message cannot be given a key, so each of ours carries its own as an attribute, which a second attempt looks for.
    """

    name = "twilio"
    longest = 1600

    def __init__(self, account: Account, *, seconds: float, allowed: Allowed, url: str = URL) -> None:
        self._addresses = account.addresses
        self._client = client(f"{url}/v1", seconds=seconds, allowed=allowed, auth=(account.user, account.secret))

    async def keep(self, conversation: Conversation) -> str:
        """Create the conversation or name it anew, and have everybody in it."""
        sid = conversation.conversation or await self._created(conversation)
        answer = await self._post(f"Conversations/{sid}", FriendlyName=conversation.name)
        refuse_failure(answer, "the conversation's name")
        for role, identity in conversation.participants.items():
            if role != TENANT:
                await self._join(sid, identity)
        await self._bind(sid, conversation.channel, conversation.tenant, may_move=conversation.current)
        return sid

    async def send(self, reply: Reply) -> str:
        """Write in the conversation, after its tenant is in it."""
        sid = reply.conversation
        if sid is None:
            raise NotDone("the conversation is not there yet", final=False)
        if reply.attempt > 1 and (found := await self._sent_before(sid, reply)):
            return found
        await self._bind(sid, reply.channel, reply.recipient, may_move=True)
        answer = await self._post(
            f"Conversations/{sid}/Messages",
            Author=reply.participants.get(reply.author.value, reply.author.value),
            Body=reply.text,
            Attributes=json.dumps({OWN_REPLY: str(reply.id)}),
        )
        refuse_failure(answer, "the message")
        return _sid_in(object_in(answer))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _created(self, conversation: Conversation) -> str:
        unique = str(conversation.thread_id)
        answer = await self._post("Conversations", UniqueName=unique, FriendlyName=conversation.name)
        if answer.status_code == httpx.codes.CONFLICT:
            answer = await ask(self._client, "GET", f"Conversations/{unique}")
        refuse_failure(answer, "the conversation")
        return _sid_in(object_in(answer))

    async def _join(self, sid: str, identity: str) -> None:
        answer = await self._post(f"Conversations/{sid}/Participants", Identity=identity)
        if answer.status_code != httpx.codes.CONFLICT:  # else already in it
            refuse_failure(answer, "a participant")

    async def _bind(self, sid: str, channel: Channel, tenant: str, *, may_move: bool) -> None:
        """Have the tenant in the conversation, taken out of another of ours if need be."""
        ours = self._addresses.get(channel)
        if ours is None:
            raise NotDone(f"Twilio has no address of ours for {channel}", final=True)
        prefix = _PREFIX.get(channel, "")
        address = prefix + tenant
        proxy = ours if ours.startswith(prefix) else prefix + ours
        binding = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        answer = await self._post(f"Conversations/{sid}/Participants", **binding)
        other = _bound_elsewhere(answer, sid)
        if other and may_move:
            await self._leave(other, address)
            answer = await self._post(f"Conversations/{sid}/Participants", **binding)
        if answer.status_code != httpx.codes.CONFLICT:
            refuse_failure(answer, "the tenant")
        elif may_move and _bound_elsewhere(answer, sid):
            raise NotDone("the tenant is still in another conversation", final=False)

    async def _leave(self, sid: str, address: str) -> None:
        answer = await ask(self._client, "GET", "ParticipantConversations", params={"Address": address})
        refuse_failure(answer, "the tenant's conversations")
        for one in object_in(answer).get("conversations") or ():
            if one.get("conversation_sid") == sid:
                path = f"Conversations/{sid}/Participants/{one.get('participant_sid')}"
                gone = await ask(self._client, "DELETE", path)
                if gone.status_code != httpx.codes.NOT_FOUND:
                    refuse_failure(gone, "the tenant's other conversation")

    async def _sent_before(self, sid: str, reply: Reply) -> str | None:
        """The id of the message that an earlier attempt left there, if it did."""
        answer = await ask(
            self._client, "GET", f"Conversations/{sid}/Messages", params={"Order": "desc", "PageSize": 50}
        )
        refuse_failure(answer, "the last messages")
        for one in object_in(answer).get("messages") or ():
            if f'"{reply.id}"' in str(one.get("attributes")):
                return _sid_in(one)
        return None

    async def _post(self, path: str, **fields: str) -> httpx.Response:
        return await ask(self._client, "POST", path, data=fields)


def _bound_elsewhere(answer: httpx.Response, sid: str) -> str | None:
    """The other conversation that holds the tenant, where that is what the answer complains of."""
    if answer.status_code != httpx.codes.CONFLICT:
        return None
    said = object_in(answer)
    if said.get("code") != BOUND_ELSEWHERE:
        return None
    named = _SID.search(str(said.get("message")))
    return named[0] if named and named[0] != sid else None


def _sid_in(body: Mapping[str, Any]) -> str:
    sid = body.get("sid")
    if not isinstance(sid, str) or not sid:
        raise NotDone("the answer has no sid", final=False)
    return sid
