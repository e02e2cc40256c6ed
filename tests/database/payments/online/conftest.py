"""Payments with Stripe's double as its gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from shared.database.pool import Database
from tests.support.doubles.stripe import KEY, SECRET, StripeDouble, serving
from tests.support.sagas.payments_service import House


@pytest.fixture(scope="module")
def provider() -> Iterator[StripeDouble]:
    with serving(StripeDouble()) as double:
        yield double


@pytest.fixture
async def online(database: Database, payments_url: str, provider: StripeDouble) -> AsyncIterator[House]:
    secrets = {"stripe_key": SecretStr(KEY), "stripe_webhook_secret": SecretStr(SECRET)}
    house = House(database, payments_url, stripe_url=provider.url, **secrets)
    async with house.client:
        yield house
