"""Calls to staff through Exotel: for escalations, at night too."""

from __future__ import annotations

from typing import Unpack

from services.notifications.delivery import Delivery
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.port import Receipt
from shared.errors import CallFailed
from shared.outbound.client import ClientLimits
from shared.providers.http import ProviderClient, first_text, maybe_object, raise_for_failure, read_object

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
        callbacks: Callbacks | None = None,
        **limits: Unpack[ClientLimits],
    ) -> None:
        self._client = ProviderClient(url, auth=(key, token), **limits)
        self.close = self._client.close
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
        answer = await self._client.ask("POST", self._path, data=form)
        problem = (maybe_object(answer) or {}).get("RestException")
        raise_for_failure(answer, first_text(problem, "Message") if isinstance(problem, dict) else "")
        call = read_object(answer).get("Call")
        if not isinstance(call, dict) or not call.get("Sid"):
            raise CallFailed("the answer has no call in it", unsure=True)
        return Receipt(str(call["Sid"]), str(call.get("Status") or "queued"))
