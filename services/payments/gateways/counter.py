"""Takes orders: written down, then asked of the gateway, then written down again, so that a crash makes none twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.payments.domain import desk
from services.payments.gateways.port import Gateway, NewOrder
from shared.clock import Clock
from shared.database import Database

_WANTED = """
INSERT INTO orders (id, gateway, property_id, amount, currency, description, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"""
_ORDER = "SELECT * FROM orders WHERE id = $1"
_MADE = "UPDATE orders SET gateway_id = $2, url = $3 WHERE id = $1"
_FACTS = ("property_id", "amount", "currency", "description")


class Counter:
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
            raise desk.done_otherwise("order_id", wanted.id)
        if row["url"]:
            return row
        made = await self.gateway.order(wanted)
        async with self._database.connection() as connection:
            await connection.execute(_MADE, wanted.id, made.gateway_id, made.url)
        return await self.order(wanted.id)

    async def order(self, order_id: UUID) -> Any:
        """The row of an order; None when there is none."""
        async with self._database.connection() as connection:
            return await connection.fetchrow(_ORDER, order_id)

    async def _written(self, wanted: NewOrder, now: datetime) -> Any:
        facts = (wanted.property_id, wanted.amount, wanted.currency, wanted.description)
        async with self._database.connection() as connection:
            await connection.execute(_WANTED, wanted.id, self.gateway.name, *facts, now)
            return await connection.fetchrow(_ORDER, wanted.id)
