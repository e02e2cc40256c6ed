"""Calls to staff through Exotel: for escalations that nobody may sleep through."""

from __future__ import annotations

from services.notifications.delivery.model import Delivery
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.http import ask, first_text, maybe_object, read_object, refuse_failure
from services.notifications.providers.port import NotSent, Receipt
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

FLOW = "http://my.exotel.com/{account}/exoml/start_voice/{flow}"
RING_SECONDS = "45"
CALL_SECONDS = "180"


class Exotel:
    """`POST /v1/Accounts/{sid}/Calls/connect.json`, a form, with Basic authentication: rings, then starts a flow.

    The flow's greeting fetches what is to be read out from `GET /webhooks/exotel/greeting`, with our
    reference as CustomField.
    """

    name = "exotel"

    def __init__(
        self,
        account: str,
        key: str,
        token: str,
        caller: str,
        flow: str,
        *,
        url: str,
        seconds: float,
        connections: int,
        allowed: Allowed,
        callbacks: Callbacks | None = None,
    ) -> None:
        self._client = client(url, seconds=seconds, connections=connections, allowed=allowed, auth=(key, token))
        self._path = f"v1/Accounts/{account}/Calls/connect.json"
        self._ours = {
            "CallerId": caller,
            "Url": FLOW.format(account=account, flow=flow),
            "CallType": "trans",
            "TimeOut": RING_SECONDS,
            "TimeLimit": CALL_SECONDS,
        }
        self._callbacks = callbacks

    async def send(self, delivery: Delivery) -> Receipt:
        """Call `delivery.recipient`, digits with the country's prefix."""
        reference = str(delivery.reference)
        form = {**self._ours, "From": "+" + delivery.recipient.removeprefix("+"), "CustomField": reference}
        if self._callbacks:
            form["StatusCallback"] = self._callbacks.address(self.name, reference)
        answer = await ask(self._client, "POST", self._path, data=form)
        problem = (maybe_object(answer) or {}).get("RestException")
        refuse_failure(answer, first_text(problem, "Message") if isinstance(problem, dict) else "")
        call = read_object(answer).get("Call")
        if not isinstance(call, dict) or not call.get("Sid"):
            raise NotSent("the answer has no call in it", final=False, unsure=True)
        return Receipt(str(call["Sid"]), str(call.get("Status") or "queued"))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
