"""The port of an online gateway: an order with a page to pay on, and webhooks that say that it was paid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from shared.contracts.payments import TransferArrived


class GatewayDown(Exception):
    """The provider did not answer, or answered nonsense: ask again under the same order id. Holds no secrets."""


class GatewayRefused(Exception):
    """The provider will never take this order, and says why. Holds no secrets."""


class Forged(Exception):
    """A webhook that the provider has not signed, or not lately."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a guest is to pay: `amount` in `currency`, with what the guest reads on the provider's page."""

    id: UUID
    property_id: str
    amount: Decimal
    currency: str
    description: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the provider made it: its id there, and the page to pay on."""

    gateway_id: str
    url: str


class Gateway(Protocol):
    """A provider of online payments."""

    @property
    def name(self) -> str:
        """The source of its payments."""
        ...

    async def order(self, wanted: NewOrder) -> Order:
        """Make an order; the same id makes one, however often it is asked for.

        Raises:
            GatewayDown: when it may be asked again.
            GatewayRefused: when that is of no use.
        """
        ...

    def paid(self, body: bytes, signature: str | None) -> TransferArrived | None:
        """The money that a webhook tells of; None where it tells of something else.

        Its authorisation number is the order's id: what a booking shows for having been paid.

        Raises:
            Forged: when the provider has not signed it.
        """
        ...
