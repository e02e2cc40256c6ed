"""No operation of any service shows or changes another property's: every spelling, place and role, over two houses."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body
from httpx import ASGITransport, AsyncClient, Response
from pydantic import BaseModel, SecretStr

from shared.auth.scopes import ALL_PROPERTIES, COMMON, Scopes, about, is_id
from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.contracts.topics import SERVICES
from shared.outbox.publisher import OutboxPublisher
from shared.service import Service
from tests.support.builders.operations import (
    PATHS,
    TABLE,
    Asked,
    Place,
    Spelled,
    filled,
    name_of,
    places_of,
    spellings,
    swapped,
)
from tests.support.builders.two_properties import CANARY, NAMES, OURS, THEIRS, names_of, plant
from tests.support.doubles.transport import MovedClock, PostOffice
from tests.support.servers.databases import FreshDatabase

SECRET = new_secret()
OPEN = ("/health/", "/metrics", "/webhooks/")
MORE: dict[str, dict[str, Any]] = {
    "payments": {
        "stripe_key": "sk_test_x",
        "stripe_webhook_secret": "whsec_x",
        "stripe_url": "http://127.0.0.1:9",
        "property_terms": {OURS: {}},
    }
}


def shown(role: Role, *properties: str) -> dict[str, str]:
    caller = Caller("ana", role, frozenset(properties) if properties else None)
    token = issue({"a": SecretStr(SECRET)}, caller, system_clock(), timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


TOKENS = {role: shown(role, OURS) for role in Role}


@dataclass
class Houses:
    """A service over both properties' data."""

    service: Service
    client: AsyncClient
    document: dict[str, Any]

    async def ask(self, operation: str, asked: Asked, role: Role) -> Response:
        """Ask with a token of the role for our property alone."""
        method, address = operation.split(" ")
        inside = {name: names[0] for name, names in self.names.items()} | PATHS | dict(asked.path)
        for name in re.findall(r"{(\w+)}", address):
            address = address.replace(f"{{{name}}}", inside[name])
        query = "&".join(f"{name}={value}" for name, value in asked.query.items())
        content = asked.text or (None if asked.body is None else json.dumps(asked.body))
        kind = {"Content-Type": "text/csv" if asked.text else "application/json"}
        headers = TOKENS[role] | kind | dict(asked.headers)
        return await self.client.request(method, f"{address}?{query}", content=content, headers=headers)

    @property
    def names(self) -> Any:
        return names_of(self.service.name)

    async def theirs(self) -> Counter[str]:
        """Every row that has to do with the other property."""
        wanted = "|".join([CANARY, THEIRS, *(names[1] for name, names in self.names.items() if is_id(name))])
        async with self.service.database.connection() as connection:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            found: Counter[str] = Counter()
            for (table,) in [tuple(row) for row in tables if row["tablename"] not in {"inbox", "outbox"}]:
                rows = await connection.fetch(f"SELECT t::text FROM {table} AS t WHERE t::text ~* $1", wanted)  # noqa: S608
                found.update(f"{table} {row[0]}" for row in rows)
        return found


@asynccontextmanager
async def houses(name: str, url: str) -> AsyncIterator[Houses]:
    settings = import_module(f"services.{name}.settings").Settings(
        database_url=url, api_keys={"a": SECRET}, http_rate=10**6, **MORE.get(name, {})
    )
    clocked = {} if name in {"conversations", "notifications"} else {"clock": MovedClock()}
    service: Service = import_module(f"services.{name}.app").build(settings, **clocked)
    app = service.app()
    await service.database.open()
    try:
        relay = OutboxPublisher(PostOffice(), service.database, clock=service.clock)
        app.state.processor = Processor(service.routes, service.database, relay, clock=service.clock)
        await plant(service, app.state.processor)
        async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
            yield Houses(service, client, app.openapi())
    finally:
        await service.database.close()


def operations(document: dict[str, Any]) -> list[str]:
    return [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        if not path.startswith(OPEN)
        for method in methods
    ]


def ids_of(document: dict[str, Any], operation: str) -> set[str]:
    """What an operation takes, by its document, that could name something."""
    method, path = operation.split(" ")
    told = document["paths"][path][method.lower()]
    found = {one["name"] for one in told.get("parameters", ()) if is_id(one["name"]) or _is_uuid(one["schema"])}
    for content in told.get("requestBody", {}).get("content", {}).values():
        found |= set(_ids_in(document, content["schema"], ""))
    return found


def _ids_in(document: dict[str, Any], schema: Any, name: str) -> Iterator[str]:
    if isinstance(schema, dict):
        if is_id(name) or (name and _is_uuid(schema)):
            yield name
            return
        if reference := schema.get("$ref"):
            yield from _ids_in(document, document["components"]["schemas"][reference.rpartition("/")[2]], name)
        for one, inside in schema.get("properties", {}).items():
            yield from _ids_in(document, inside, one)
        for one in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ()), schema.get("items")):
            yield from _ids_in(document, one, name)


def _is_uuid(schema: dict[str, Any]) -> bool:
    return any(one.get("format") == "uuid" for one in (schema, *schema.get("anyOf", ())))


def test_every_operation_has_its_rule_and_its_place_in_the_table() -> None:
    for name in SERVICES:
        made = import_module(f"services.{name}.settings").Settings(**MORE.get(name, {}))
        service = import_module(f"services.{name}.app").build(made)
        document = service.app().openapi()
        known = set(operations(document))
        assert known == set(service.scopes.rules), f"{name}: give each operation its rule in scopes.py"
        assert known == set(TABLE[name]), (
            f"{name}: give each operation its request in tests/support/builders/operations.py"
        )
        for operation in known:
            rule, asked = service.scopes.rules[operation], TABLE[name][operation]
            ids = ids_of(document, operation)
            walked = {name_of(place) for place in places_of(operation, asked)}
            assert ids <= walked, (
                f"{name} {operation}: {ids - walked} are missing in tests/support/builders/operations.py"
            )
            assert rule in (ALL_PROPERTIES, COMMON) or ids <= rule.known, (
                f"{name} {operation}: {ids - rule.known} have no rule"
            )
            assert rule.by | rule.beside <= {"property_id", *service.scopes.owners}, operation


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SERVICES)
async def test_nothing_of_another_property_is_shown_or_changed(name: str, module_database: FreshDatabase) -> None:
    async with houses(name, module_database(name)) as walked:
        before = await walked.theirs()
        assert before
        for operation, asked in TABLE[name].items():
            rule = walked.service.scopes.rules[operation]
            answers = {role: await walked.ask(operation, filled(asked, walked.names), role) for role in Role}
            if rule == ALL_PROPERTIES:
                assert {one.status_code for one in answers.values()} == {403}, operation
            else:  # what is tried is what serves for one's own
                assert served(answers[Role.ADMIN], walked.service), (operation, answers[Role.ADMIN].text)
            assert not any(CANARY in one.text.lower() for one in answers.values()), (operation, answers)
            for role, answer in answers.items():
                for place in places_of(operation, asked):
                    few = answer.status_code == 403  # whatever is named, this role may not
                    await try_everything(walked, operation, filled(asked, walked.names), place, role, few=few)
        after = await walked.theirs()
        assert not before - after
        # An id of theirs that a caller chose for a thing of its own is no more than that.
        known = (CANARY, THEIRS, walked.names["booking_id"][1])
        assert not [row for row in after - before if any(one in row for one in known)]


def served(answer: Response, service: Service) -> bool:
    """Whether an endpoint itself has answered, rather than what stands before it."""
    detail = answer.json().get("detail") if answer.is_client_error else None
    before = {f"there is no such {owner.thing}" for owner in service.scopes.owners.values()}
    return answer.status_code not in {401, 403, 405, 500} and not isinstance(detail, list) and detail not in before


async def try_everything(walked: Houses, operation: str, asked: Asked, place: Place, role: Role, *, few: bool) -> None:
    """Name what is another's in one place, in every spelling: it is answered like what nobody has."""
    name, rule = name_of(place), walked.service.scopes.rules[operation]
    _, theirs, nobodys = walked.names[name]
    pairs = list(zip(spellings(theirs), spellings(nobodys), strict=True))
    for spelled, missing in pairs[:: len(pairs) // 3] if few else pairs:
        answer = await walked.ask(operation, swapped(asked, place, spelled), role)
        where = (operation, role.value, place, spelled, answer.status_code, answer.text)
        assert CANARY not in answer.text.lower(), where
        assert answer.status_code < 500 or answer.status_code == 503, where
        if name in rule.free:
            continue  # a filter, or an id that the caller chooses
        assert answer.status_code in {403, 404, 422}, where
        other = await walked.ask(operation, swapped(asked, place, missing), role)
        assert bare(answer, theirs, spelled) == bare(other, nobodys, missing), (where, other.text)


def bare(answer: Response, value: str, spelled: Spelled) -> tuple[int, str]:
    """An answer without what was asked for."""
    text = answer.text
    for one in sorted({value, *spelled}, key=len, reverse=True):
        text = text.replace(json.dumps(one, ensure_ascii=False)[1:-1], "…").replace(one, "…")
    return answer.status_code, text


class Deep(BaseModel):
    payment_id: str | None = None


class Outer(BaseModel):
    property_id: str
    parts: list[Deep] = []


@pytest.mark.real
async def test_an_operation_without_a_rule_or_with_an_id_that_its_rule_forgot_is_refused(
    fresh_database: FreshDatabase,
) -> None:
    routes = APIRouter()

    @routes.get("/new")
    async def new() -> str:
        return "new"

    @routes.post("/deep")
    async def deep(said: Annotated[Outer, Body()]) -> int:
        return len(said.parts)

    settings = import_module("services.payments.settings").Settings(
        database_url=fresh_database("payments"), api_keys={"a": SECRET}
    )
    made = import_module("services.payments.app").build(settings)
    service = replace(made, routers=[routes], scopes=Scopes(rules={"POST /deep": about("property_id")}))
    await service.database.open()
    try:
        async with AsyncClient(transport=ASGITransport(service.app()), base_url="http://service") as client:
            for limited, status in ((True, 403), (False, 200)):
                token = TOKENS[Role.ADMIN] if limited else shown(Role.ADMIN)
                assert (await client.get("/new", headers=token)).status_code == status
                body: dict[str, Any] = {"property_id": OURS}
                assert (await client.post("/deep", headers=token, json=body)).status_code == 200
                body["parts"] = [{}, {"payment_id": NAMES["payment_id"][0]}]
                assert (await client.post("/deep", headers=token, json=body)).status_code == status
    finally:
        await service.database.close()


def test_a_route_that_cannot_be_judged_stops_the_service() -> None:
    routes = APIRouter()

    @routes.get("/slow")
    def slow() -> str:
        return "in a thread"

    made = import_module("services.payments.app").build()
    with pytest.raises(TypeError, match="can be checked"):
        replace(made, routers=[routes]).app()
