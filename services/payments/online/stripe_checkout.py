"""Stripe Checkout, by Stripe's own library: a session for each order, and its signed webhooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import stripe
from pydantic import ValidationError

from services.payments.online.port import Forged, GatewayDown, GatewayRefused, NewOrder, Order
from services.payments.requests import Terms
from shared.contracts.common import PaymentMethod
from shared.contracts.payments import TransferArrived
from shared.outbound.client import client
from shared.outbound.destinations import Allowed

# https://docs.stripe.com/currencies: how many of Stripe's units make one; the others have a hundred.
_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THOUSANDS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
_RETRIES = 2
_INCOMPLETE = (KeyError, TypeError, ValueError, ArithmeticError, OSError)
_PAID = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})


class StripeCheckout:
    """Asks Stripe for Checkout sessions. `base_url` is another address of its API, for tests; None is Stripe's own.

    A webhook older than `tolerance_seconds` is taken for a replay. Dates of payments are told where the
    property of `terms` is.
    """

    def __init__(
        self,
        key: str,
        webhook_secret: str,
        *,
        success_url: str,
        terms: Terms,
        allowed: Allowed,
        base_url: str | None = None,
        seconds: float = 10,
        tolerance_seconds: int = 300,
    ) -> None:
        if not webhook_secret.strip():
            raise ValueError("stripe needs its webhook secret: set POSADA_STRIPE_WEBHOOK_SECRET")
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": base_url} if base_url else None,
            max_network_retries=_RETRIES,
            http_client=_Client(seconds, allowed),
        )
        self._secret = webhook_secret
        self._success_url = success_url
        self._terms = terms
        self._tolerance = tolerance_seconds

    @property
    def name(self) -> str:
        """The source of its payments."""
        return "stripe"

    async def order(self, wanted: NewOrder) -> Order:
        """Open a session; Stripe knows a repetition by the order's id for a day at least."""
        try:
            session = await self._client.v1.checkout.sessions.create_async(
                self._asked(wanted), {"idempotency_key": f"posada-order-{wanted.id}"}
            )
        except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as down:
            raise GatewayDown(f"stripe does not take orders now: {type(down).__name__}") from down
        except stripe.StripeError as refused:
            raise GatewayRefused(f"stripe refuses the order: {refused.code or type(refused).__name__}") from refused
        if not session.url:
            raise GatewayDown("stripe made an order without a page to pay on")
        return Order(session.id, session.url)

    def paid(self, body: bytes, signature: str | None) -> TransferArrived | None:
        """The library compares the signature in constant time, and refuses one that is too old."""
        if not (signature or "").isascii():  # which the library cannot compare
            raise Forged("the webhook is not signed by stripe")
        try:
            stripe.WebhookSignature.verify_header(body.decode(), signature, self._secret, self._tolerance)
            event = json.loads(body)
        except (stripe.SignatureVerificationError, ValueError, RecursionError) as wrong:
            raise Forged("the webhook is not signed by stripe, or not lately") from wrong
        session = _session_paid(event)
        return self._arrived(session, event) if session else None

    def _asked(self, wanted: NewOrder) -> Any:
        price = {
            "currency": wanted.currency.lower(),
            "unit_amount": in_units(wanted.amount, wanted.currency),
            "product_data": {"name": wanted.description},
        }
        asked: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": str(wanted.id),
            "metadata": {"order_id": str(wanted.id), "property_id": wanted.property_id},
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": self._success_url,
        }
        return asked | ({"customer_email": wanted.email} if wanted.email else {})

    def _arrived(self, session: Mapping[str, Any], event: Mapping[str, Any]) -> TransferArrived:
        property_id, order_id = session["metadata"]["property_id"], session["metadata"]["order_id"]
        details, currency = session.get("customer_details"), str(session.get("currency")).upper()
        try:
            at = datetime.fromtimestamp(event["created"], UTC)
            return TransferArrived(
                transfer_id=session["id"],
                source=self.name,
                property_id=property_id,
                method=PaymentMethod.CARD_LINK,
                amount=of_units(session["amount_total"], currency),
                currency=currency,
                posted_on=at.astimezone(self._terms.of(property_id).zone).date(),
                payer=details.get("name") if isinstance(details, dict) else None,
                authorization_number=order_id,
            )
        except ValidationError as wrong:
            raise GatewayDown(f"stripe tells of a payment that cannot be: {wrong.error_count()} fields") from None
        except _INCOMPLETE as wrong:
            raise GatewayDown(f"stripe tells of a payment without what it needs: {type(wrong).__name__}") from None


def _session_paid(event: Any) -> Mapping[str, Any] | None:
    """The session that an event says was paid, if it is one of ours.

    Others sell through the same account, with references of their own: ours carry the order's id twice.
    """
    data = event.get("data") if isinstance(event, dict) else None
    session = data.get("object") if isinstance(data, dict) else None
    if not isinstance(session, dict) or event.get("type") not in _PAID or session.get("payment_status") != "paid":
        return None
    metadata = session.get("metadata")
    ours = metadata if isinstance(metadata, dict) else {}
    order_id, property_id = ours.get("order_id"), ours.get("property_id")
    named = isinstance(order_id, str) and order_id and isinstance(property_id, str) and property_id
    return session if named and session.get("client_reference_id") == order_id else None


class _Client(stripe.HTTPXClient):
    """Stripe's client, whose calls go out as all others do."""

    def __init__(self, seconds: float, allowed: Allowed) -> None:
        super().__init__(timeout=seconds)
        self._guarded = client(seconds=seconds, allowed=allowed)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """What Stripe answers; raises stripe.APIConnectionError when it does not."""
        try:
            answer = await self._guarded.request(method, url, headers=headers, content=post_data)
        except httpx.HTTPError as fault:
            raise stripe.APIConnectionError(type(fault).__name__, should_retry=True) from fault  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        """Close the connections."""
        await self._guarded.aclose()
        await super().close_async()  # type: ignore[no-untyped-call]


def in_units(amount: Decimal, currency: str) -> int:
    """An amount in Stripe's smallest unit.

    Raises:
        GatewayRefused: when the currency has no such fractions.
    """
    units = amount * _factor(currency)
    if units != int(units):
        raise GatewayRefused(f"amount: {currency} has no cents, give a whole number")
    return int(units)


def of_units(units: int, currency: str) -> Decimal:
    """The amount that so many of Stripe's smallest units are."""
    return Decimal(units) / _factor(currency)


def _factor(currency: str) -> int:
    if currency in _WHOLE:
        return 1
    return 1000 if currency in _THOUSANDS else 100
