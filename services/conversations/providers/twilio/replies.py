"""Twilio Conversations: one conversation for each thread, with tenant, manager and assistant in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Unpack

import httpx

from services.conversations.providers.port import Conversation, Reply
from services.conversations.providers.twilio.webhook import OWN_REPLY
from shared.contracts.common import Channel
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import raise_for_failure, read_object
from shared.providers.twilio import CONVERSATIONS_URL, TwilioClient, error_code

BOUND_ELSEWHERE = 50416  # "A binding for this participant and proxy address already exists in Conversation CH…"
TENANT = "tenant"
_SID = re.compile(r"CH[0-9a-f]{32}")
_PREFIX = {Channel.WHATSAPP: "whatsapp:", Channel.SMS: "", Channel.MESSENGER: "messenger:"}


class TwilioConversations:
    """`/v1/Conversations` of Twilio's REST API.

    A thread's id is its conversation's UniqueName: creating it twice finds the first. Twilio lets a tenant's address
    and one of ours meet in a single conversation, so a tenant with two apartments moves to the one that is spoken in.
    A message cannot be given a key, so each of ours carries its own as an attribute, which a second attempt looks for.
    """

    name = "twilio"
    longest = 1600

    def __init__(
        self,
        account: str,
        token: str,
        addresses: Mapping[Channel, str],
        *,
        url: str = CONVERSATIONS_URL,
        **limits: Unpack[ClientLimits],
    ) -> None:
        self._addresses = addresses
        self._client = TwilioClient(account, token, f"{url}/v1", **limits)
        self.close = self._client.close

    async def keep(self, conversation: Conversation) -> str:
        """Create the conversation or name it anew, and have everybody in it."""
        sid = conversation.conversation or await self._created(conversation)
        answer = await self._client.post(f"Conversations/{sid}", FriendlyName=conversation.name)
        raise_for_failure(answer, what="the conversation's name")
        for role, identity in conversation.participants.items():
            if role != TENANT:
                await self._join(sid, identity)
        await self._bind(sid, conversation.channel, conversation.tenant, may_move=conversation.current)
        return sid

    async def send(self, reply: Reply) -> str:
        """Write in the conversation, after its tenant is in it."""
        sid = reply.conversation
        if sid is None:
            raise CallFailed("the conversation is not there yet")
        if reply.attempt > 1 and (found := await self._sent_before(sid, reply)):
            return found
        await self._bind(sid, reply.channel, reply.recipient, may_move=True)
        answer = await self._client.post(
            f"Conversations/{sid}/Messages",
            Author=reply.participants.get(reply.author.value, reply.author.value),
            Body=reply.text,
            Attributes=json.dumps({OWN_REPLY: str(reply.id)}),
        )
        raise_for_failure(answer, what="the message")
        return _sid_in(read_object(answer))

    async def _created(self, conversation: Conversation) -> str:
        unique = str(conversation.thread_id)
        answer = await self._client.post("Conversations", UniqueName=unique, FriendlyName=conversation.name)
        if answer.status_code == httpx.codes.CONFLICT:
            answer = await self._client.get(f"Conversations/{unique}")
        raise_for_failure(answer, what="the conversation")
        return _sid_in(read_object(answer))

    async def _join(self, sid: str, identity: str) -> None:
        answer = await self._client.post(f"Conversations/{sid}/Participants", Identity=identity)
        if answer.status_code != httpx.codes.CONFLICT:  # else already in it
            raise_for_failure(answer, what="a participant")

    async def _bind(self, sid: str, channel: Channel, tenant: str, *, may_move: bool) -> None:
        """Have the tenant in the conversation, taken out of another of ours if need be."""
        ours = self._addresses.get(channel)
        if ours is None:
            raise CallFailed(f"Twilio has no address of ours for {channel}", final=True)
        prefix = _PREFIX.get(channel, "")
        address = prefix + tenant
        proxy = ours if ours.startswith(prefix) else prefix + ours
        binding = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        answer = await self._client.post(f"Conversations/{sid}/Participants", **binding)
        other = _bound_elsewhere(answer, sid)
        if other and may_move:
            await self._leave(other, address)
            answer = await self._client.post(f"Conversations/{sid}/Participants", **binding)
        if answer.status_code != httpx.codes.CONFLICT:
            raise_for_failure(answer, what="the tenant")
        elif may_move and _bound_elsewhere(answer, sid):
            raise CallFailed("the tenant is still in another conversation")

    async def _leave(self, sid: str, address: str) -> None:
        answer = await self._client.get("ParticipantConversations", Address=address)
        raise_for_failure(answer, what="the tenant's conversations")
        for one in read_object(answer).get("conversations") or ():
            if one.get("conversation_sid") == sid:
                path = f"Conversations/{sid}/Participants/{one.get('participant_sid')}"
                gone = await self._client.ask("DELETE", path)
                if gone.status_code != httpx.codes.NOT_FOUND:
                    raise_for_failure(gone, what="the tenant's other conversation")

    async def _sent_before(self, sid: str, reply: Reply) -> str | None:
        """The id of the message that an earlier attempt left there, if it did."""
        answer = await self._client.get(f"Conversations/{sid}/Messages", Order="desc", PageSize="50")
        raise_for_failure(answer, what="the last messages")
        for one in read_object(answer).get("messages") or ():
            if f'"{reply.id}"' in str(one.get("attributes")):
                return _sid_in(one)
        return None


def _bound_elsewhere(answer: httpx.Response, sid: str) -> str | None:
    """The other conversation that holds the tenant, where that is what the answer complains of."""
    if answer.status_code != httpx.codes.CONFLICT:
        return None
    if error_code(answer) != BOUND_ELSEWHERE:
        return None
    named = _SID.search(str(read_object(answer).get("message")))
    return named[0] if named and named[0] != sid else None


def _sid_in(body: Mapping[str, Any]) -> str:
    sid = body.get("sid")
    if not isinstance(sid, str) or not sid:
        raise CallFailed("the answer has no sid")
    return sid
