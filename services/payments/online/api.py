"""Online payment over HTTP: orders with a page to pay on, and the gateway's signed webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, status
from pydantic import BaseModel, EmailStr, Field

from services.payments.online.orders import OrderService
from services.payments.online.port import Forged, GatewayDown, GatewayRefused, NewOrder
from services.payments.transfers import Contradiction
from shared.contracts.common import Amount, Currency, Identifier, Name
from shared.errors import Refusal
from shared.http.app import require_role
from shared.http.commands import CommandProcessor
from shared.messages.incoming import RequestBody
from shared.providers.webhooks import call_of
from shared.settings import ServiceSettings

log = structlog.get_logger(__name__)


class Ordered(RequestBody):
    """What a guest is to pay online; `order_id` is chosen by whoever asks, the same again makes one order."""

    order_id: UUID
    property_id: Identifier
    amount: Annotated[Amount, Field(gt=0)]
    currency: Currency
    description: Name
    email: EmailStr | None = None


class OrderRecord(BaseModel):
    """An order: the page to pay on, and the authorisation number that a booking shows for having been paid."""

    order_id: UUID
    gateway: str
    amount: Amount
    currency: str
    url: str
    authorization_number: str
    created_at: datetime


def ordering(orders: OrderService, settings: ServiceSettings) -> APIRouter:
    """Orders; they ask for the token, on loopback as well."""
    routes = APIRouter(tags=["gateway"], dependencies=[Depends(require_role(settings))])

    @routes.post("/payment-orders", responses={503: {"description": "The gateway is down; ask again."}})
    async def order(ordered: Ordered) -> OrderRecord:
        """Make an order with a page to pay on."""
        wanted = NewOrder(ordered.order_id, **ordered.model_dump(exclude={"order_id"}))
        try:
            row = await orders.take(wanted)
        except GatewayDown as down:
            detail = f"{down}; ask again with the same order_id"
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"}) from None
        except GatewayRefused as refused:
            raise Refusal("order_refused", str(refused)) from None
        return OrderRecord(order_id=row["id"], authorization_number=str(row["id"]), **_shown(row))

    return routes


def webhook(orders: OrderService) -> APIRouter:
    """The gateway's webhook: its signature says who calls."""
    routes = APIRouter(tags=["gateway"])

    @routes.post(f"/webhooks/{orders.gateway.name}")
    async def called(request: Request, processor: CommandProcessor) -> dict[str, bool]:
        """Record what was paid, before the answer; the gateway calls again until it is answered."""
        call = await call_of(request, None)
        try:
            arrived = orders.gateway.paid(call.body, call.headers.get(f"{orders.gateway.name}-signature"))
            if arrived:
                await processor.execute(arrived)
        except Forged as forged:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, str(forged)) from None
        except (GatewayDown, Contradiction) as odd:
            log.error("webhook.odd", gateway=orders.gateway.name, problem=str(odd))  # noqa: TRY400
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(odd)) from None
        return {"recorded": arrived is not None}

    return routes


def _shown(row: dict[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("gateway", "amount", "currency", "url", "created_at")}
