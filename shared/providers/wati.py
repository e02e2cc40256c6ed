"""WATI's API for WhatsApp: session messages within the window, template messages outside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import ProviderClient, bearer, first_text, raise_for_failure, read_object

LONGEST_TEXT = 4096
EXPIRED = ("expired", "24 hour", "24-hour", "24 hours")  # how WATI words a window that has closed
SUCCESS = (True, "true", "success")
NOT_FOUND = 404


class WatiClient(ProviderClient):
    """WATI's API, with a bearer token, at the address that its dashboard shows, tenant included.

    Each answer has a flag `result`; false comes with status 200 and a reason in `info`, `message` or `error`.
    """

    def __init__(self, url: str, token: str, **limits: Unpack[ClientLimits]) -> None:
        super().__init__(url, headers=bearer(token), **limits)

    async def send_text(self, number: str, text: str, local_id: str) -> dict[str, Any]:
        """Send a session message to a number in digits; `local_id` is ours, and WATI's webhooks repeat it.

        Raises:
            CallFailed: when it was not taken; `window_closed` where WhatsApp wants a template.
        """
        return await self._send(
            f"api/v1/sendSessionMessage/{number}", params={"messageText": text, "localMessageId": local_id}
        )

    async def send_template(
        self, number: str, template: str, broadcast: str, parameters: Iterable[tuple[str, str]]
    ) -> dict[str, Any]:
        """Send an approved template; raises CallFailed when it was not taken."""
        body = {
            "template_name": template,
            "broadcast_name": broadcast,
            "parameters": [{"name": name, "value": value} for name, value in parameters],
        }
        return await self._send("api/v2/sendTemplateMessage", params={"whatsappNumber": number}, json=body)

    async def find(self, number: str, local_id: str) -> dict[str, Any] | None:
        """The session message with an id of ours, None where WATI has none; raises CallFailed where it can't tell."""
        answer = await self.ask("GET", f"api/v1/whatsapp/messages/{number}/{local_id}")
        if answer.status_code == NOT_FOUND:
            return None
        raise_for_failure(answer)
        body = read_object(answer)
        return None if body.get("result") in (False, "false", "error") else body

    async def _send(self, path: str, **given: Any) -> dict[str, Any]:
        answer = await self.ask("POST", path, **given)
        raise_for_failure(answer)
        body = read_object(answer)
        if body.get("result") not in SUCCESS:
            reason = first_text(body, "info", "message", "error")
            closed = any(word in reason.lower() for word in EXPIRED)
            raise CallFailed(f"refused: {reason}", final=True, window_closed=closed)
        return body


def message_id(body: Mapping[str, Any], *names: str) -> str | None:
    """The first of some ids that the message in an answer has, or the answer itself."""
    message = body.get("message")
    described = message if isinstance(message, dict) else body
    found = next((described[name] for name in names if described.get(name)), None)
    return str(found) if found else None
