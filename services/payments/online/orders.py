"""Takes orders: written down, then asked of the gateway, then written down again, so that a crash makes none twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.payments.folio import id_used_before
from services.payments.online import store as orders
from services.payments.online.port import Gateway, NewOrder
from shared.clock import Clock
from shared.database.pool import Database

_FACTS = ("property_id", "amount", "currency", "description")


class OrderService:
    """Orders at one gateway; the call to it stands between two transactions, with the order's id as idempotency key."""

    def __init__(self, gateway: Gateway, database: Database, clock: Clock) -> None:
        self.gateway = gateway
        self._database = database
        self._clock = clock

    async def take(self, wanted: NewOrder) -> Any:
        """The order's row, with the page to pay on; asked again it is the same.

        Raises:
            Refusal: when the id was used for something else.
            GatewayDown, GatewayRefused: when the gateway makes none.
        """
        row = await self._written(wanted, self._clock())
        if any(row[name] != getattr(wanted, name) for name in _FACTS):
            raise id_used_before("order_id", wanted.id)
        if row["url"]:
            return row
        made = await self.gateway.order(wanted)
        async with self._database.connection() as connection:
            await orders.made(connection, wanted.id, made)
        return await self.order(wanted.id)

    async def order(self, order_id: UUID) -> Any:
        """The row of an order; None when there is none."""
        async with self._database.connection() as connection:
            return await orders.order(connection, order_id)

    async def _written(self, wanted: NewOrder, now: datetime) -> Any:
        async with self._database.connection() as connection:
            await orders.wanted(connection, self.gateway.name, wanted, now)
            return await orders.order(connection, wanted.id)
