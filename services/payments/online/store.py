"""Payments' queries for online orders: written down before the gateway is asked, and again when it has answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.payments.online.port import NewOrder, Order
from shared.database.pool import Connection

_WANTED = """
INSERT INTO orders (id, gateway, property_id, amount, currency, description, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"""
_ORDER = "SELECT * FROM orders WHERE id = $1"
_MADE = "UPDATE orders SET gateway_id = $2, url = $3 WHERE id = $1"


async def wanted(connection: Connection, gateway: str, order: NewOrder, now: datetime) -> None:
    """An order is to be made; one of this id that is there already stays."""
    facts = (order.property_id, order.amount, order.currency, order.description)
    await connection.execute(_WANTED, order.id, gateway, *facts, now)


async def made(connection: Connection, order_id: UUID, answer: Order) -> None:
    """The gateway has made it."""
    await connection.execute(_MADE, order_id, answer.gateway_id, answer.url)


async def order(connection: Connection, order_id: UUID) -> Any:
    """The row of an order; None when there is none."""
    return await connection.fetchrow(_ORDER, order_id)
