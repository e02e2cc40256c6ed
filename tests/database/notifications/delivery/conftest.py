"""Deliveries and dispatchers over the database of notifications."""

from __future__ import annotations

import pytest

from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.support.doubles.deliveries import Deliveries


@pytest.fixture
def service(database: Database, relay: OutboxPublisher) -> Deliveries:
    return Deliveries(database, relay)
