"""Where an outside system may be: judged when somebody writes it down, and again whenever it is called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from services.availability.app import build
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.settings import Settings
from shared.contracts.availability import CountAnswered, CountRequested
from tests.database.availability.conftest import Availability
from tests.support.doubles.external_availability import DATES, Outside, connect
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import MovedClock
from tests.support.servers.databases import FreshDatabase

TOKEN = "an edit's own token, long enough for one"  # noqa: S105 — of this test alone
RECORD = {"property_id": "las-hojas", "prefix": "HR"}
WORD = "secret"
NOT_CALLED = [
    "http://127.0.0.1:8101",
    "http://localhost",
    "http://169.254.169.254/latest",
    "http://10.0.0.5/pms",
    "http://[::ffff:10.0.0.5]/pms",
    "http://0x7f.1/",
    "http://2130706433/",
    f"http://desk:{WORD}@pms.example",
]


@pytest.fixture
async def api(fresh_database: FreshDatabase) -> AsyncIterator[AsyncClient]:
    settings = Settings(database_url=fresh_database("availability"), api_token=TOKEN, outbound_allowed=["192.168.7.9"])
    built = build(settings, MovedClock())
    await built.database.open()
    shown = {"Authorization": f"Bearer {TOKEN}"}
    async with AsyncClient(transport=ASGITransport(built.app()), base_url="http://here", headers=shown) as client:
        yield client
    await built.database.close()


@pytest.mark.parametrize("url", NOT_CALLED)
async def test_an_address_that_may_not_be_called_is_not_written_down(api: AsyncClient, url: str) -> None:
    answer = await api.put("/catalogue/outside", json={**RECORD, "base_url": url})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["details"]["field"] == "base_url"
    assert WORD not in error["text"]
    lines = f"record,property_id,base_url,prefix\noutside,las-hojas,{url},HR\n"
    done = (await api.post("/catalogue/import", content=lines)).json()
    assert (done["taken"], done["broken_lines"][0]["field"]) == (0, "base_url")
    assert (await api.get("/catalogue/outside")).json() == []


async def test_public_ones_and_what_the_operator_names_are(api: AsyncClient) -> None:
    for url in ("https://pms.example/api", "http://192.168.7.9:8080"):
        answer = await api.put("/catalogue/outside", json={**RECORD, "base_url": url})
        assert answer.json() == {"changed": True}


@pytest.mark.parametrize(
    "given", [{}, {"base_url": "http://localhost:{port}"}, {"base_url": f"http://ana:{WORD}@pms.example"}]
)
async def test_one_that_was_written_down_before_is_not_called(service: Availability, given: dict[str, Any]) -> None:
    async with serving(FakePms(rooms=("18",))) as fake_pms:
        url = given.get("base_url", fake_pms.url).format(port=fake_pms.url.rpartition(":")[2])
        trusting = CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)
        await connect(trusting, fake_pms)
        async with service.database.connection() as connection:
            await connection.execute("UPDATE outside_inventories SET base_url = $1", url)
        outside = Outside(service, trusting, Settings(outbound_allowed=[]))
        (answer,) = await outside.tell(CountRequested(request_id="c1", **DATES))
        assert isinstance(answer, CountAnswered)
        assert answer.error
        assert answer.error.reason == "inventory_away"
        assert WORD not in answer.error.text
        (answer,) = await Outside(service, trusting).tell(CountRequested(request_id="c2", **DATES))
        assert isinstance(answer, CountAnswered)
        assert answer.success is ("ana" not in url)
