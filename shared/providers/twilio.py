"""Twilio's REST APIs: Programmable Messaging and Conversations, and the signature of its webhooks."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha1
from typing import Unpack

import httpx

from shared.outbound.client import ClientLimits
from shared.providers.http import ProviderClient, maybe_object
from shared.providers.webhooks import WebhookCall, same

MESSAGING_URL = "https://api.twilio.com"
CONVERSATIONS_URL = "https://conversations.twilio.com"


class TwilioClient(ProviderClient):
    """Basic authentication with the account's SID and auth token; what is posted is a form."""

    def __init__(self, account: str, token: str, url: str, **limits: Unpack[ClientLimits]) -> None:
        super().__init__(url, auth=(account, token), **limits)

    async def get(self, path: str, **params: str) -> httpx.Response:
        """What is there; raises CallFailed when there is no answer."""
        return await self.ask("GET", path, params=params)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Create or change something; raises CallFailed when there is no answer."""
        return await self.ask("POST", path, data=fields)


def error_code(answer: httpx.Response) -> int | None:
    """Twilio's own code of an error, such as 21211; None where the answer has none."""
    code = (maybe_object(answer) or {}).get("code")
    return code if isinstance(code, int) else None


def signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """X-Twilio-Signature: HMAC-SHA1, base64, over the address as it was called and the form's sorted fields."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return b64encode(hmac.new(token.encode(), signed.encode(), sha1).digest()).decode()


def is_signed(call: WebhookCall, token: str) -> bool:
    """Whether a webhook's call is Twilio's, unaltered, to this very address, however that was written."""
    given, form = call.headers.get("x-twilio-signature", ""), call.form
    return any(same(given, signature(token, url, form)) for url in addresses_of(call))


def addresses_of(call: WebhookCall) -> set[str]:
    """The ways in which Twilio may have written a call's address.

    It signs an address with its port or without one, and a proxy may have called us by another name than the public
    one. The path and the query are always the same.
    """
    scheme, _, rest = call.url.partition("://")
    host, slash, path = rest.partition("/")
    headers = [call.headers.get(name, "").partition(",")[0].strip() for name in ("host", "x-forwarded-host")]
    hosts = {one for name in (host, *headers) if name for one in _with_and_without_port(scheme, name)}
    return {f"{one}://{name}{slash}{path}" for one in {scheme, "https"} for name in hosts}


def _with_and_without_port(scheme: str, host: str) -> Iterator[str]:
    name, _, port = host.rpartition(":")
    yield host
    if name and port.isdigit():
        yield name
    else:
        yield f"{host}:{80 if scheme == 'http' else 443}"
