"""How far the fee that a role names may lie from the policy's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.booking.settings import Settings
from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.database.pool import Database
from tests.support.builders.bookings import CHECK_IN
from tests.support.builders.lifecycle import TOKEN, Front, days
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
KEYS = {"a": SecretStr(new_secret())}
LIMITS = {Role.DESK: 100, Role.MANAGER: 300}


@pytest.fixture
async def database(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    opened = Database(fresh_database("booking"))
    await opened.open()
    yield opened
    await opened.close()


async def late(database: Database, **more: object) -> tuple[Front, str]:
    """A booking whose policy asks for its first night, 690.00."""
    front = Front(database, Settings(api_token=SecretStr(TOKEN), api_keys=KEYS, fee_limits=LIMITS, **more))
    booking = await front.confirmed()
    front.clock.forward(timedelta(days=4))
    return front, f"/bookings/{booking}/cancellation"


def by(front: Front, role: Role) -> None:
    token = issue(KEYS, Caller("ana", role), datetime.now(UTC), timedelta(hours=1))
    front.http.headers["Authorization"] = f"Bearer {token}"


async def test_a_desk_waives_a_little_a_manager_more_and_an_admin_all(database: Database) -> None:
    front, path = await late(database)
    for role, fee, limit in ((Role.DESK, "589.99", "100.00"), (Role.MANAGER, "389.99", "300.00")):
        by(front, role)
        told = (await front.post(path, 422, fee=fee))["error"]
        assert told["reason"] == "fee_over_limit"
        assert told["details"] == {"field": "fee", "limit": limit, "policy": "690.00"}
        assert "ask somebody with a higher role" in told["text"]
    by(front, Role.ADMIN)
    assert (await front.post(path, fee="0"))["fee"] == "0.00"


async def test_what_lies_within_the_limit_and_the_policys_own_fee_are_taken(database: Database) -> None:
    front, path = await late(database)
    by(front, Role.DESK)
    command = {"command_id": str(uuid4()), "fee": "590.00"}
    first = await front.post(path, **command)
    assert first["fee"] == "590.00"
    by(front, Role.MANAGER)
    assert await front.post(path, **command) == first  # the same command, whoever asks again


async def test_without_a_fee_there_is_no_limit_and_a_no_show_has_the_same(database: Database) -> None:
    front, path = await late(database)
    by(front, Role.DESK)
    no_show = path.replace("cancellation", "no-show")
    front.clock.forward(timedelta(days=2))
    assert (await front.post(no_show, 422, fee="0"))["error"]["reason"] == "fee_over_limit"
    assert (await front.post(no_show))["fee"] == "690.00"


async def test_a_property_has_limits_of_its_own(database: Database) -> None:
    front, path = await late(database, property_fee_limits={"las-hojas": {Role.DESK: 5}})
    by(front, Role.DESK)
    assert (await front.post(path, 422, fee="684.99"))["error"]["details"]["limit"] == "5.00"
    assert (await front.post(path, fee="685.00"))["fee"] == "685.00"


async def test_no_fee_is_moved_away_with_the_nights(database: Database) -> None:
    """Nights that lie far ahead cost nothing to cancel."""
    front, path = await late(database)
    dates, later = path.replace("cancellation", "dates"), days(CHECK_IN + timedelta(days=90), 1)
    for role in (Role.DESK, Role.MANAGER):
        by(front, role)
        told = (await front.post(dates, 422, **later))["error"]
        assert (told["reason"], told["details"]["policy"]) == ("fee_over_limit", "690.00")
    by(front, Role.ADMIN)
    assert (await front.post(dates, 202, **later))["state"] == "under_way"


async def test_nights_that_keep_the_fee_are_changed_by_a_desk(database: Database) -> None:
    front, path = await late(database)
    by(front, Role.DESK)
    longer = days(CHECK_IN, 2)
    assert (await front.post(path.replace("cancellation", "dates"), 202, **longer))["state"] == "under_way"


def test_by_default_a_desk_may_little_a_manager_more_and_an_admin_any() -> None:
    limits = Settings().fee_limits
    assert 0 < limits[Role.DESK] < limits[Role.MANAGER]
    assert Role.ADMIN not in limits
