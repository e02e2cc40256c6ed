"""Editing: through the API and by CSV, what is refused with its reason, and a hold that meets an edit."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import ASGITransport, AsyncClient

from services.availability.app import build
from services.availability.catalogue.csv import COLUMNS
from services.availability.catalogue.model import RoomRecord
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.repository import Repository
from services.availability.settings import Settings
from shared.contracts.availability import RoomsHeld, RoomsNotHeld
from shared.database.pool import Connection, Database
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold, wish
from tests.support.doubles.transport import START, MovedClock
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real
TOKEN = "an edit's own token, hard to guess"  # noqa: S105 — of this test alone
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
PROPERTY = {"property_id": "las-hojas"}
NEW = {
    "property_id": "playa",
    "name": "Playa, «Azul»",
    "timezone": "America/El_Salvador",
    "currency": "USD",
    "tax_rate": "0.18",
    "prices_include_tax": False,
    "hold_minutes": 20,
}


@pytest.fixture
async def service(fresh_database: FreshDatabase) -> AsyncIterator[Availability]:
    """The service told by hand, and beside it the API of the same database."""
    url = fresh_database("availability")
    database = Database(url)
    await database.open()
    yield Availability(database)
    await database.close()


@pytest.fixture
async def api(service: Availability) -> AsyncIterator[AsyncClient]:
    built = build(Settings(database_url=service.database._url, api_token=TOKEN), MovedClock())
    await built.database.open()
    async with AsyncClient(
        transport=ASGITransport(built.app()), base_url="http://availability", headers=SHOWN
    ) as client:
        yield client
    await built.database.close()


async def put(api: AsyncClient, kind: str, status: int = 200, **record: Any) -> Any:
    answer = await api.put(f"/catalogue/{kind}", json=PROPERTY | record)
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(api: AsyncClient, kind: str, **record: Any) -> str:
    return str((await put(api, kind, 422, **record))["error"]["text"])


async def remove(api: AsyncClient, kind: str, status: int = 204, **key: Any) -> str:
    answer = await api.delete(f"/catalogue/{kind}", params=PROPERTY | key)
    assert answer.status_code == status, answer.text
    return answer.text


async def held(service: Availability, *wishes: Any, **more: Any) -> list[str]:
    (answer,) = await service.tell(hold(uuid4(), *wishes, **more))
    assert isinstance(answer, RoomsHeld), answer
    return [room.room for room in answer.rooms]


async def junior(api: AsyncClient) -> int:
    dates = {"check_in": CHECK_IN.isoformat(), "check_out": (CHECK_IN + timedelta(days=1)).isoformat()}
    answer = await api.get("/properties/las-hojas/availability", params=dates)
    return int(answer.json()["available_counts"]["bungalow_junior"])


async def test_a_property_is_made_edited_sold_and_removed(api: AsyncClient) -> None:
    assert await put(api, "property", **NEW) == {"changed": True}
    assert await put(api, "property", **NEW) == {"changed": False}
    here = {"property_id": "playa"}
    await put(api, "type", **here, type="suite", label="Suite", adults=2, guests=4)
    await put(api, "room", **here, room="1", type="SUITE")
    await put(api, "package", **here, package="plain", name="Plain", inclusions=["pool", "tea, coffee"])
    await put(api, "rate", **here, package="plain", adult="500", child="0", extra_bed="0")
    await put(api, "fee", **here, name="Resort fee", amount="10", unit="room_night")
    rooms = [{"type": "suite", "adults": 2}]
    asked = {"check_in": "2026-03-15", "check_out": "2026-03-16", "rooms": rooms}
    quoted = (await api.post("/properties/playa/quote", json=asked)).json()["plans"][0]
    assert (quoted["total"], quoted["fees"], quoted["inclusions"]) == ("1191.80", "11.80", ["pool", "tea, coffee"])
    await put(api, "rate", **here, package="plain", adult="400", child="0", extra_bed="0")
    assert (await api.post("/properties/playa/quote", json=asked)).json()["plans"][0]["total"] == "955.80"
    assert len((await api.get("/catalogue/rate", params=here)).json()) == 1
    await remove(api, "property", **here)
    assert "playa" not in (await api.get("/catalogue/export")).text


async def test_a_room_out_of_order_is_not_counted_and_comes_back(api: AsyncClient) -> None:
    free = await junior(api)
    await put(api, "room", room="18", type="Junior", out_of_order_from="2026-03-10", out_of_order_until="2026-03-15")
    assert await junior(api) == free - 1
    await put(api, "room", room="18", type="Junior", out_of_order_from="2026-03-10", out_of_order_until="2026-03-14")
    assert await junior(api) == free
    await put(api, "room", room="18", type="Junior", out_of_order_from="2026-03-10")
    assert await junior(api) == free - 1
    await remove(api, "room", room="18")
    assert await junior(api) == free - 1


async def test_what_a_booking_has_is_not_taken_from_it(service: Availability, api: AsyncClient) -> None:
    (room,) = await held(service, wish())
    away = {"room": room, "type": "Junior", "out_of_order_from": "2026-03-01"}
    said = await refused(api, "room", **away)
    assert f"room {room} on 2026-03-15 (booking " in said
    assert "move or cancel these first" in said
    await put(api, "room", **away, out_of_order_until="2026-03-14")
    assert "cannot be changed" in await refused(api, "room", room=room, type="Matrimonial")
    assert "cannot be removed" in await remove(api, "room", 422, room=room)
    assert "cannot be removed" in await remove(api, "property", 422)
    places = {"type": "bungalow_junior", "label": "Junior", "adults": 3, "guests": 4, "is_place": True}
    assert "cannot be changed" in await refused(api, "type", **places)


@pytest.mark.parametrize(
    ("kind", "record", "named"),
    [
        ("room", {"room": "99", "type": "Suite"}, "there are: Familiar"),
        ("room", {"room": "99", "type": "Junior", "property_id": "atlantis"}, "atlantis"),
        ("package", {"package": "x", "name": "X", "types": ["Suite"]}, "Suite"),
        ("rate", {"package": "x", "adult": "1", "child": "1", "extra_bed": "1"}, "package 'x' is not known"),
        ("fee", {"name": "x", "amount": "1", "unit": "room_stay", "property_id": "atlantis"}, "atlantis"),
    ],
)
async def test_what_names_nothing_is_refused(api: AsyncClient, kind: str, record: Any, named: str) -> None:
    assert named in await refused(api, kind, **record)


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("room", {"room": "99", "type": "Junior", "out_of_order_until": "2026-03-14"}),
        ("room", {"room": "9\n9", "type": "Junior"}),
        ("rate", {"package": "las_hojas", "adult": "-1", "child": "1", "extra_bed": "1"}),
        ("rate", {"package": "las_hojas", "adult": "NaN", "child": "1", "extra_bed": "1"}),
        ("rate", {"package": "las_hojas", "adult": "1", "child": "1", "extra_bed": "1", "weekdays": [0]}),
        ("property", NEW | {"timezone": "Mars/Olympus"}),
        ("property", NEW | {"tax_rate": "18"}),
        ("type", {"type": "x", "label": "X", "adults": 3, "guests": 2}),
        ("supplement", {"package": "romantico", "name": "x", "amount": "1", "unit": "hour"}),
    ],
)
async def test_what_has_no_form_is_refused(api: AsyncClient, kind: str, record: Any) -> None:
    await put(api, kind, 422, **record)


async def test_a_type_goes_when_nothing_needs_it(api: AsyncClient) -> None:
    said = await remove(api, "type", 422, type="pasadia")
    assert "its rooms" in said
    assert "package pasadia" in said
    await put(api, "type", type="tent", label="Tent", adults=2, guests=2)
    await remove(api, "type", type="tent")
    await remove(api, "type", 404, type="tent")


async def test_day_passes_are_a_capacity(service: Availability, api: AsyncClient) -> None:
    async def capacity(number: int, type_: str = "Pasadía") -> Any:
        answer = await api.put("/catalogue/capacity/las-hojas", json={"type": type_, "capacity": number})
        return answer.json()

    assert await capacity(3) == {"before": 100, "capacity": 3}
    line = [wish(number, "Pasadía", adults=1) for number in (1, 2)]
    assert len(await held(service, *line, package="Pasadía")) == 2
    assert (await capacity(1))["error"]["details"]["removable"] == 1
    assert await capacity(2) == {"before": 3, "capacity": 2}
    assert await capacity(5) == {"before": 2, "capacity": 5}
    assert "rooms, not places" in (await capacity(5, "Junior"))["error"]["text"]


async def test_everything_goes_out_and_comes_in_again(api: AsyncClient, fresh_database: FreshDatabase) -> None:
    await put(api, "property", **NEW)
    await put(api, "room", room="18", type="Junior", out_of_order_from="2026-03-10", out_of_order_until="2026-03-15")
    await put(api, "package", package="gala", name='Gala "2026", ¡sí!', inclusions=[], types=["Junior"])
    conditions = {"type": "Junior", "first_night": "2026-12-24", "weekdays": [7, 6]}
    await put(api, "rate", package="gala", adult="0.0001", child="0", extra_bed="99999999.9999", **conditions)
    await put(api, "fee", name="=1+1", amount="10", unit="guest_night")
    text = (await api.get("/catalogue/export")).text
    assert ",'=1+1," in text, "a spreadsheet would run it"
    again = await api.post("/catalogue/import", content=text.encode())
    assert again.json() == {"taken": text.count("\n") - 1, "changed": 0, "broken": 0, "broken_lines": []}
    other = build(Settings(database_url=fresh_database("availability"), api_token=TOKEN), MovedClock())
    await other.database.open()
    async with other.database.connection() as connection:
        tables = "outside_words, outside_inventories, fees, supplements, rates, packages, rooms, room_types, properties"
        await connection.execute(f"TRUNCATE {tables}")
    async with AsyncClient(transport=ASGITransport(other.app()), base_url="http://other", headers=SHOWN) as empty:
        shuffled = text.splitlines(keepends=True)
        came = await empty.post("/catalogue/import", content="".join([shuffled[0], *reversed(shuffled[1:])]).encode())
        assert came.json()["broken"] == 0
        assert (await empty.get("/catalogue/export")).text == text
    await other.database.close()


LINES = {
    "castle,las-hojas": ("record", "write one of property"),
    ",las-hojas": ("record", "write one of"),
    "room,las-hojas,type=Junior": ("room", "fill it in"),
    "room,las-hojas,room=99,type=Suite": ("type", "Familiar"),
    "room,las-hojas,room=99,type=Junior,adult=3": ("adult", "leave it empty"),
    "room,las-hojas,room=99,type=Junior,out_of_order_from=soon": ("out_of_order_from", "must be a date"),
    "rate,las-hojas,package=las_hojas,adult=1;5,child=1,extra_bed=1": ("adult", "decimal number"),
    "rate,las-hojas,package=none,adult=1,child=1,extra_bed=1": ("package", "add it first"),
    "rate,atlantis,package=none,adult=1,child=1,extra_bed=1": ("property_id", "not known"),
    "type,las-hojas,type=x,label=X,adults=3,guests=2": ("type", "guests"),
}


def line_of(text: str) -> dict[str, str]:
    kind, property_, *rest = text.split(",")
    cells = dict(cell.split("=", 1) for cell in rest)
    return {"record": kind, "property_id": property_, **{name: cell.replace(";", ",") for name, cell in cells.items()}}


async def test_broken_lines_are_named_and_the_rest_goes_in(api: AsyncClient) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    for text in LINES:
        writer.writerow(line_of(text))
    writer.writerow(line_of("room,las-hojas,room=99,type=Junior"))
    file.write("room" + "," * len(COLUMNS) + "x\r\n")
    before = await junior(api)
    came = (await api.post("/catalogue/import", content=("\ufeff" + file.getvalue()).encode())).json()
    assert (came["taken"], came["changed"], came["broken"]) == (1, 1, len(LINES) + 1)
    assert await junior(api) == before + 1
    *told, last = came["broken_lines"]
    for number, ((field, said), line) in enumerate(zip(LINES.values(), told, strict=True), 2):
        assert (line["number"], line["field"]) == (number, field)
        assert said in f"{line['problem']} {line['remedy']}"
    assert last["field"] == "line"


@pytest.mark.parametrize("text", ["", "a,b\r\n1,2\r\n", "record,record\r\n", "\xff"])
async def test_what_is_no_catalogue_is_refused(api: AsyncClient, text: str) -> None:
    answer = await api.post("/catalogue/import", content=text.encode("latin-1"))
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["field"] in {"header", "file"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/catalogue/room"),
        ("DELETE", "/catalogue/room"),
        ("POST", "/catalogue/import"),
        ("GET", "/catalogue/export"),
    ],
)
async def test_who_has_no_token_edits_nothing(api: AsyncClient, method: str, path: str) -> None:
    answer = await api.request(method, path, headers={"Authorization": "Bearer wrong"}, json=NEW)
    assert answer.status_code == 401


class Late(Repository):
    """Looks, and lets an edit happen before it writes."""

    def __init__(self, edit: Any) -> None:
        super().__init__()
        self._edit = edit

    async def load_optimistic(self, connection: Connection, messages: Any, now: Any) -> Any:
        """Look, then wait for the edit, once."""
        uow = await super().load_optimistic(connection, messages, now)
        edit, self._edit = self._edit, None
        if edit:
            await edit()
        return uow


async def test_a_room_that_goes_out_of_order_under_a_hold_is_not_given(service: Availability) -> None:
    records = CatalogueRepository(service.database)

    async def close_all_but_one() -> None:
        for number in {*range(18, 60)} - {22, 42, 47, 48, 53, 30}:
            room = RoomRecord(property_id="las-hojas", room=str(number), type="Junior", out_of_order_from=CHECK_IN)
            await records.put(room, START)

    late = Late(close_all_but_one)
    service.consumer.routes.repository = late
    service.consumer._optimistic = late
    assert await held(service, wish()) == ["30"]
    (answer,) = await service.tell(hold(uuid4(), wish()))
    assert isinstance(answer, RoomsNotHeld)


async def test_edits_and_holds_at_once_leave_nobody_in_a_closed_room(service: Availability) -> None:
    records = CatalogueRepository(service.database)
    rooms = [
        RoomRecord(property_id="las-hojas", room=f"{n}A", type="habitacion", out_of_order_from=CHECK_IN)
        for n in range(1, 15)
    ]
    rivals = [Availability(service.database) for _ in range(3)]

    async def close(room: RoomRecord) -> bool:
        try:
            return await records.put(room, START)
        except Exception as refusal:
            assert "cannot be changed" in str(refusal)
            return False

    async def sell(rival: Availability) -> int:
        answers = [await rival.tell(hold(uuid4(), wish(1, "Habitación"))) for _ in range(5)]
        return sum(isinstance(answer, RoomsHeld) for (answer,) in answers)

    results = await asyncio.gather(*map(sell, rivals), *map(close, rooms))
    assert sum(results) == 14  # each room is sold or closed, none both, and none is left
    async with service.database.connection() as connection:
        wrong = (
            "SELECT count(*) FROM rooms r JOIN room_nights n ON n.room = r.number WHERE out_of_order_from IS NOT NULL"
        )
        assert await connection.fetchval(wrong) == 0


async def test_an_edit_that_waits_for_a_long_hold_gives_up_and_lets_others_hold(
    service: Availability, api: AsyncClient
) -> None:
    room = {"room": "30", "type": "Junior", "out_of_order_from": CHECK_IN.isoformat()}
    async with asyncio.timeout(20), service.database.transaction() as long:  # less than a statement may take
        await long.execute("LOCK TABLE room_nights IN ROW EXCLUSIVE MODE")
        answer = await api.put("/catalogue/room", json=PROPERTY | room)
        assert answer.status_code == 503
        assert "others are writing" in answer.json()["detail"]
        await held(service, wish())
    await put(api, "room", **room)


async def test_without_a_token_the_catalogue_is_read_and_never_written(service: Availability) -> None:
    built = build(Settings(database_url=service.database._url), MovedClock())
    await built.database.open()
    async with AsyncClient(transport=ASGITransport(built.app()), base_url="http://availability") as stranger:
        assert (await stranger.get("/catalogue/export")).status_code == 200
        room = PROPERTY | {"room": "18", "type": "Junior"}
        for answer in (
            await stranger.put("/catalogue/room", json=room),
            await stranger.delete("/catalogue/room", params=PROPERTY | {"room": "18"}),
            await stranger.post("/catalogue/import", content=b"record\n"),
            await stranger.put("/catalogue/capacity/las-hojas", json={"type": "Pasadia", "capacity": 1}),
        ):
            assert answer.status_code == 403
            assert "POSADA_API_TOKEN" in answer.text
    await built.database.close()


async def test_a_file_may_be_larger_than_any_other_body(api: AsyncClient) -> None:
    line = ",".join(["nothing"] * len(COLUMNS))
    lines = [",".join(COLUMNS), *[line] * (1_100_000 // len(line))]
    answer = await api.post("/catalogue/import", content="\n".join(lines).encode())
    assert (answer.status_code, answer.json()["broken"]) == (200, len(lines) - 1)
    assert (await api.post("/catalogue/import", content=b"x" * 20_000_001)).status_code == 413
