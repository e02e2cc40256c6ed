"""Who gets into the services' APIs: every endpoint of every service, with a real database behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import HTTPException
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from shared.auth.access import RateLimit
from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.clock import system_clock
from shared.consumer.processor import Processor
from shared.contracts.topics import SERVICES
from shared.outbox.publisher import OutboxPublisher
from shared.service import Service
from tests.support.doubles.transport import PostOffice
from tests.support.servers.databases import FreshDatabase

SECRET = new_secret()
SHARED = "the-small-hotel-that-shares-one-token"
OURS, THEIRS = "las-hojas", "elsewhere"
OPEN = {"/health/live", "/health/ready", "/metrics"}
NOW = system_clock()
BOOKING = UUID(int=7)
REFUSAL = {"reason": "payment_not_found", "text": "…", "details": {}}
ROWS = {
    "availability": "INSERT INTO holds VALUES ($1, $2, 'held', '2030-01-01', '2030-01-02', '{1}', now(), NULL, '',"
    " '{}', now())",
    "booking": "INSERT INTO bookings (id, request_id, property_id, status, source, guest_name, guest_email, check_in,"
    " check_out, package, number_of_rooms, created_at, updated_at) VALUES ($1, 'r1', $2, 'CONFIRMED', 'CHAT', 'Ana',"
    " 'ana@example.com', '2030-01-01', '2030-01-02', 'bb', 1, now(), now())",
    "payments": "INSERT INTO payment_requests (booking_id, property_id, status, amount, currency, started_at,"
    " changed_at, next_attempt_at, method, slip_date, slip_amount, stage, attempt) VALUES ($1, $2, 'waiting', 10,"
    " 'USD', now(), now(), now(), 'bank_transfer', '2030-01-01', 10, 1, 1)",
}


def token(role: Role = Role.VIEWER, *properties: str, hours: float = 1, key: str = "a") -> str:
    caller = Caller("ana", role, frozenset(properties) if properties else None)
    since = NOW - timedelta(hours=-hours + 1) if hours < 0 else NOW
    return issue({key: SecretStr(SECRET)}, caller, since, timedelta(hours=abs(hours)))


def built(name: str, url: str, **given: Any) -> Service:
    settings = import_module(f"services.{name}.settings").Settings(database_url=url, **given)
    return import_module(f"services.{name}.app").build(settings)


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[AsyncClient]:
    await service.database.open()
    app = service.app()
    app.state.processor = Processor(
        service.routes, service.database, OutboxPublisher(PostOffice(), service.database), clock=service.clock
    )
    try:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
            yield client
    finally:
        await service.database.close()


def shown(value: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"} if value else {}


def endpoints(service: Service) -> Iterator[tuple[str, str]]:
    """Every endpoint that is no webhook, with something in place of its parameters."""
    document = service.app().openapi()
    for path, methods in document["paths"].items():
        if path in OPEN or path.startswith(("/webhooks", "/exotel")):
            continue
        for method in methods:
            filled = path
            for part in path.split("/"):
                if part.startswith("{"):
                    filled = filled.replace(part, str(uuid4()))
            yield method.upper(), filled


@pytest.mark.real
@pytest.mark.parametrize("name", SERVICES)
class TestEveryEndpoint:
    async def test_is_shut_to_whoever_shows_nothing_of_ours(self, name: str, fresh_database: FreshDatabase) -> None:
        wrong = [None, "", "x", SHARED + "x", token(hours=-2), token(key="unknown"), token()[:-2]]
        service = built(name, fresh_database(name), api_keys={"a": SECRET}, api_token=SHARED, http_rate=100_000)
        async with serving(service) as client:
            tried = list(endpoints(service))
            assert tried
            for method, path in tried:
                for one in wrong:
                    answer = await client.request(method, path, headers=shown(one))
                    assert answer.status_code == 401, (method, path, one)
                    assert answer.headers["www-authenticate"] == "Bearer"
            for path in OPEN - {"/health/ready"}:
                assert (await client.get(path)).status_code == 200

    async def test_opens_to_the_shared_token_and_to_a_token_of_ours(
        self, name: str, fresh_database: FreshDatabase
    ) -> None:
        service = built(name, fresh_database(name), api_keys={"a": SECRET}, api_token=SHARED, http_rate=100_000)
        async with serving(service) as client:
            for method, path in endpoints(service):
                for one in (SHARED, token(Role.ADMIN)):
                    answer = await client.request(method, path, headers=shown(one))
                    assert answer.status_code not in {401, 403, 500}, (method, path, answer.text)


@asynccontextmanager
async def with_booking(name: str, url: str) -> AsyncIterator[AsyncClient]:
    service = built(name, url, api_keys={"a": SECRET})
    async with serving(service) as client:
        async with service.database.connection() as connection:
            await connection.execute(ROWS[name], BOOKING, OURS)
        yield client


async def asked(client: AsyncClient, path: str, role: Role, *properties: str, **more: Any) -> Response:
    return await client.request(more.pop("method", "GET"), path, headers=shown(token(role, *properties)), **more)


@pytest.mark.real
class TestProperties:
    @pytest.mark.parametrize(
        ("name", "path"), [("availability", f"/holds/{BOOKING}"), ("payments", f"/bookings/{BOOKING}/balance")]
    )
    async def test_a_booking_is_its_propertys(self, name: str, path: str, fresh_database: FreshDatabase) -> None:
        async with with_booking(name, fresh_database(name)) as client:
            assert (await asked(client, path, Role.VIEWER, OURS)).status_code == 200
            assert (await asked(client, path, Role.VIEWER)).status_code == 200
            assert (await asked(client, path, Role.VIEWER, THEIRS, OURS)).status_code == 200
            refused = await asked(client, path, Role.ADMIN, THEIRS)
            unknown = await asked(client, path.replace(str(BOOKING), str(uuid4())), Role.ADMIN, THEIRS)
            assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
            assert (refused.status_code, OURS in refused.text) == (404, False)
            assert (await asked(client, path.replace(str(BOOKING), "x"), Role.VIEWER, THEIRS)).status_code == 422

    async def test_a_list_is_not_told_to_who_is_for_one_property(self, fresh_database: FreshDatabase) -> None:
        async with with_booking("payments", fresh_database("payments")) as client:
            for path in ("/payment-requests/waiting", "/payments/flat", "/payments/audit"):
                assert (await asked(client, path, Role.ADMIN)).status_code == 200
                assert (await asked(client, path, Role.ADMIN, OURS)).status_code == 403
                # A parameter that the endpoint does not know narrows nothing down.
                assert (await asked(client, f"{path}?property_id={OURS}", Role.ADMIN, OURS)).status_code == 403
                body = {"property_id": OURS}
                assert (await asked(client, path, Role.ADMIN, OURS, json=body)).status_code == 403

    async def test_a_property_asks_for_its_own_cases(self, fresh_database: FreshDatabase) -> None:
        path, other = "/payment-cases", uuid4()
        service = built("payments", fresh_database("payments"), api_keys={"a": SECRET})
        async with serving(service) as client:
            async with service.database.connection() as connection:
                for booking, whose in ((BOOKING, OURS), (other, THEIRS)):
                    await connection.execute(ROWS["payments"], booking, whose)
                await connection.execute("UPDATE payment_requests SET status = 'escalated', refusal = $1", REFUSAL)
            assert (await asked(client, path, Role.DESK, OURS)).status_code == 403
            assert (await asked(client, f"{path}?property_id={THEIRS}", Role.DESK, OURS)).status_code == 403
            told = await asked(client, f"{path}?property_id={OURS}", Role.DESK, OURS)
            assert [case["booking_id"] for case in told.json()] == [str(BOOKING)]
            every = await asked(client, path, Role.DESK)
            assert {case["booking_id"] for case in every.json()} == {str(BOOKING), str(other)}

    async def test_a_property_that_is_named_must_be_ones_own(self, fresh_database: FreshDatabase) -> None:
        async with serving(built("availability", fresh_database("availability"), api_keys={"a": SECRET})) as client:
            export = "/catalogue/export?property_id="
            assert (await asked(client, export + OURS, Role.VIEWER, OURS)).status_code == 200
            assert (await asked(client, export + THEIRS, Role.VIEWER, OURS)).status_code == 403
            assert (await asked(client, f"{export}{OURS}&property_id={THEIRS}", Role.VIEWER, OURS)).status_code == 403
            assert (await asked(client, "/catalogue/export", Role.VIEWER, OURS)).status_code == 403
            room = {"property_id": THEIRS, "room": "1", "type": "junior"}
            put: Mapping[str, Any] = {"method": "PUT", "json": room}
            assert (await asked(client, "/catalogue/room", Role.ADMIN, OURS, **put)).status_code == 403
            assert (
                await asked(client, f"/catalogue/room?property_id={OURS}", Role.ADMIN, OURS, **put)
            ).status_code == 403

    async def test_the_default_property_is_chosen_by_who_is_for_all(self, fresh_database: FreshDatabase) -> None:
        async with serving(built("availability", fresh_database("availability"), api_keys={"a": SECRET})) as client:
            record = (await asked(client, f"/catalogue/property?property_id={OURS}", Role.ADMIN)).json()[0]
            assert record["is_default"]

            async def put(*properties: str, **changed: Any) -> Response:
                path, json = "/catalogue/property", record | changed
                return await asked(client, path, Role.ADMIN, *properties, method="PUT", json=json)

            async def defaults() -> list[str]:
                found = (await asked(client, "/catalogue/property", Role.ADMIN)).json()
                return [one["property_id"] for one in found if one["is_default"]]

            refused = await put(THEIRS, property_id=THEIRS, is_default=True)
            assert (refused.status_code, "is_default" in refused.text) == (422, True)
            assert (await put(THEIRS, property_id=THEIRS, is_default=False)).status_code == 200
            assert (await put(THEIRS, property_id=THEIRS, is_default=True)).status_code == 422
            assert (await put(OURS, is_default=False)).status_code == 422
            assert (await put(OURS, name="Las Hojas II")).status_code == 200  # what it is it may stay
            remove = f"/catalogue/property?property_id={OURS}"
            refused = await asked(client, remove, Role.ADMIN, OURS, method="DELETE")
            assert (refused.status_code, "default" in refused.text) == (422, True)
            assert await defaults() == [OURS]
            assert (await put(property_id=THEIRS, is_default=True)).status_code == 200
            assert await defaults() == [THEIRS]

    async def test_a_payment_is_whose_bookings_it_served(self, fresh_database: FreshDatabase) -> None:
        payment = uuid4()
        service = built("payments", fresh_database("payments"), api_keys={"a": SECRET})
        async with serving(service) as client, service.database.connection() as connection:
            await connection.execute(
                "INSERT INTO payments (id, source, transfer_id, method, amount, currency, posted_on, arrived_at)"
                " VALUES ($1, 'bank', 't', 'bank_transfer', 10, 'USD', '2030-01-01', now())",
                payment,
            )
            path = f"/payments/{payment}"
            assert (await asked(client, path, Role.VIEWER)).status_code == 200
            assert (await asked(client, path, Role.VIEWER, OURS)).status_code == 404  # it is nobody's yet
            for booking, whose in ((BOOKING, OURS), (uuid4(), THEIRS)):
                await connection.execute(ROWS["payments"], booking, whose)
                await connection.execute(
                    "INSERT INTO ledger (payment_id, kind, cause, amount, at, booking_id)"
                    " VALUES ($1, 'reserved', $2, 1, now(), $2)",
                    payment,
                    booking,
                )
                expected = 200 if whose == OURS else 404  # it serves two houses by then
                assert (await asked(client, path, Role.VIEWER, OURS)).status_code == expected


@pytest.mark.real
async def test_money_that_is_nobodys_may_be_chosen_for_ones_own_booking_alone(fresh_database: FreshDatabase) -> None:
    unspent, theirs = uuid4(), uuid4()
    service = built("payments", fresh_database("payments"), api_keys={"a": SECRET})
    async with serving(service) as client, service.database.connection() as connection:
        await connection.execute(ROWS["payments"], BOOKING, OURS)
        for payment, whose in ((unspent, ""), (theirs, THEIRS)):
            await connection.execute(
                "INSERT INTO payments (id, source, transfer_id, property_id, method, amount, currency, posted_on,"
                " arrived_at) VALUES ($1, 'bank', $2, $3, 'bank_transfer', 50, 'USD', '2030-01-01', now())",
                payment,
                str(payment),
                whose,
            )
        path = f"/bookings/{BOOKING}/payment-case/choice"
        tried = []
        for properties, payment in (((THEIRS,), unspent), ((OURS,), theirs), ((OURS,), unspent)):
            body = {"staff": "ana", "payment_id": str(payment)}
            tried.append((await asked(client, path, Role.DESK, *properties, method="POST", json=body)).status_code)
        assert tried == [404, 404, 200]


@pytest.mark.real
async def test_a_command_is_told_to_who_is_for_its_booking(fresh_database: FreshDatabase) -> None:
    """A desk that is answered 202 asks for the command, also where its token is for one property."""
    command = uuid4()
    service = built("booking", fresh_database("booking"), api_keys={"a": SECRET})
    async with serving(service) as client, service.database.connection() as connection:
        await connection.execute(ROWS["booking"], BOOKING, OURS)
        await connection.execute(
            "INSERT INTO commands (id, booking_id, type, digest, state, at)"
            " VALUES ($1, $2, 'x', $1, 'under_way', now())",
            command,
            BOOKING,
        )
        path = f"/commands/{command}"
        told = await asked(client, path, Role.DESK, OURS)
        assert (told.status_code, told.json()["booking_id"]) == (202, str(BOOKING))
        assert (await asked(client, path, Role.DESK, THEIRS)).status_code == 404
        assert (await asked(client, path, Role.VIEWER, OURS)).status_code == 403
        assert (await asked(client, f"/commands/{uuid4()}", Role.DESK, THEIRS)).status_code == 404


@pytest.mark.real
async def test_roles_write_what_is_theirs(fresh_database: FreshDatabase) -> None:
    refusal = {"staff": "Marta", "reason": "no such transfer"}
    async with with_booking("payments", fresh_database("payments")) as client:
        path = f"/bookings/{BOOKING}/payment-case/refusal"
        viewer = await asked(client, path, Role.VIEWER, OURS, method="POST", json=refusal)
        assert (viewer.status_code, "role desk" in viewer.text) == (403, True)
        desk = await asked(client, path, Role.DESK, OURS, method="POST", json=refusal)
        assert desk.status_code not in {401, 403, 500}
        case = (await asked(client, f"/bookings/{BOOKING}/payment-case", Role.VIEWER, OURS)).json()
        assert [ruling["staff"] for ruling in case["rulings"]] == ["Marta (token of ana)"]
    async with serving(built("availability", fresh_database("availability"), api_keys={"a": SECRET})) as client:
        capacity = {"type": "junior", "capacity": 1}
        desk = await asked(client, f"/catalogue/capacity/{OURS}", Role.DESK, method="PUT", json=capacity)
        assert (desk.status_code, "role admin" in desk.text) == (403, True)
        admin = await asked(client, f"/catalogue/capacity/{OURS}", Role.ADMIN, method="PUT", json=capacity)
        assert admin.status_code not in {401, 403, 500}


class TestRate:
    def test_a_bucket_empties_and_fills(self) -> None:
        limit = RateLimit(2)
        for _ in range(4):
            limit.take("ana", 0)
        with pytest.raises(HTTPException) as told:
            limit.take("ana", 0)
        assert (told.value.status_code, told.value.headers) == (429, {"Retry-After": "1"})
        limit.take("ben", 0)
        limit.take("ana", 0.5)
        with pytest.raises(HTTPException):
            limit.take("ana", 0.5)

    def test_it_never_holds_more_than_its_size(self) -> None:
        limit = RateLimit(1)
        limit.take("ana", 0)
        for _ in range(2):
            limit.take("ana", 1000)
        with pytest.raises(HTTPException):
            limit.take("ana", 1000)

    @pytest.mark.real
    async def test_guessing_is_slowed_by_address_and_a_caller_by_name(self, fresh_database: FreshDatabase) -> None:
        service = built("booking", fresh_database("booking"), api_keys={"a": SECRET}, http_rate=0.01)
        async with serving(service) as client:
            path = f"/bookings/{uuid4()}"
            guesses = [(await client.get(path, headers=shown(f"guess-{n}"))).status_code for n in range(4)]
            assert guesses == [401, 429, 429, 429]
            callers = [(await asked(client, path, Role.VIEWER)).status_code for _ in range(3)]
            assert callers == [404, 429, 429]
            assert (await client.get("/metrics")).status_code == 200


class TestBrowsers:
    async def test_answers_carry_headers_that_shut_browsers_out(self) -> None:
        client = AsyncClient(transport=ASGITransport(built("booking", "postgresql://x/x").app()), base_url="http://b")
        answer = await client.get("/health/live", headers={"Origin": "https://desk.example"})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in answer.headers
        assert "content-security-policy" not in (await client.get("/docs")).headers

    async def test_only_named_origins_may_call(self) -> None:
        service = built("booking", "postgresql://x/x", cors_origins=["https://desk.example"])
        client = AsyncClient(transport=ASGITransport(service.app()), base_url="http://b")
        for origin, allowed in (("https://desk.example", "https://desk.example"), ("https://evil.example", None)):
            answer = await client.get("/health/live", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed
        with pytest.raises(ValueError, match="name the origins"):
            built("booking", "postgresql://x/x", cors_origins=["*"])
