"""What a call of ours reads out: asked for by the greeting of Exotel's flow."""

from __future__ import annotations

from uuid import UUID

from services.notifications.providers.report import check_posada_token
from shared.providers.webhooks import WebhookCall


class ExotelGreeting:
    """`GET /webhooks/exotel/greeting?CustomField=…` names our reference, and shows the token of our webhooks."""

    path = "/exotel/greeting"

    def __init__(self, token: str) -> None:
        self._token = token

    def check(self, call: WebhookCall) -> None:
        """Compare the token."""
        check_posada_token(call, self._token)

    def reference(self, call: WebhookCall) -> UUID:
        """The message that is read out."""
        return UUID(call.query.get("CustomField", ""))
