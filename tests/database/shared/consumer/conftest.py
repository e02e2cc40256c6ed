"""The service of notes, with and without locks."""

from __future__ import annotations

import pytest

from shared.database.pool import Database
from tests.support.sagas.sample_service import Notes, OptimisticNotes
from tests.support.sagas.sample_shell import Shell


@pytest.fixture(params=[Notes, OptimisticNotes])
def kind(request: pytest.FixtureRequest) -> type[Notes]:
    return request.param


@pytest.fixture
def shell(database: Database, kind: type[Notes]) -> Shell:
    return Shell(database, kind())
