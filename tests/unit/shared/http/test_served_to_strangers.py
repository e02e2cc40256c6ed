"""A service as it is served to whoever finds its port: which names, proxies and secrets it accepts."""

from __future__ import annotations

from importlib import import_module

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from structlog.testing import capture_logs

from shared.auth.tokens import new_secret
from shared.contracts.topics import SERVICES
from shared.http.app import answer_outages
from shared.http.bounds import client_of
from shared.service import Service
from shared.settings import ServiceSettings

SECRET = new_secret()
HIDDEN = "s3cret-of-an-address"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_page_whose_name_leads_here_reads_nothing_where_no_token_is_asked_for(service: str) -> None:
    """A browser takes the answer for the page's own, whatever CORS says."""
    app = built(service).app()
    guarded = built(service, api_token=SECRET).app()
    paths = [path for path, told in app.openapi()["paths"].items() if "get" in told and "{" not in path]
    private = [path for path in paths if not path.startswith(("/health", "/metrics", "/webhooks"))]
    for host in ("evil.example", "evil.example:8103", "127.0.0.1.evil.example", "evil.example.", "1.2.3.4.nip.io"):
        for path in private:
            assert await answered(app, path, host) == 403, (path, host)
            assert await answered(guarded, path, host) == 401
    for host in ("127.0.0.1:8103", "localhost", "[::1]:8103", "booking.localhost:80", "service"):
        assert await answered(app, private[0], host) == 503  # it has no database


def built(name: str, **given: str) -> Service:
    settings = import_module(f"services.{name}.settings").Settings(**given)
    service: Service = import_module(f"services.{name}.app").build(settings)
    return service


async def answered(app: FastAPI, path: str, host: str) -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        return (await client.get(path, headers={"Host": host})).status_code


async def test_an_outage_names_the_route_and_not_the_address() -> None:
    app = FastAPI()
    answer_outages(app)

    @app.get("/things/{thing_id}")
    async def thing(thing_id: str) -> None:
        raise ConnectionRefusedError(thing_id and "nobody listens")

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")
    with capture_logs() as lines:
        assert (await client.get(f"/things/{HIDDEN}?token={HIDDEN}")).status_code == 503
    assert [line["route"] for line in lines] == ["/things/{thing_id}"]
    assert HIDDEN not in str(lines)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        *((service, "api_token") for service in SERVICES),
        ("conversations", "wati_webhook_token"),
        ("conversations", "manychat_webhook_token"),
        *(("notifications", name) for name in ("webhook_token", "callback_secret", "manage_key", "postmark_webhook")),
    ],
)
def test_a_secret_of_ours_is_long_enough(service: str, name: str) -> None:
    settings = import_module(f"services.{service}.settings").Settings
    with pytest.raises(ValidationError, match=f"{name}\n.*at least 32 characters.*posada token key") as told:
        settings(**{name: "short-and-s3cret"})
    assert "s3cret" not in str(told.value)
    beside = {
        "public_url": "https://posada.example",
        "manage_url": "https://posada.example",
        "callback_secret": "y" * 32,
    }
    settings(**beside | {"manage_key": "z" * 32, name: "x" * 32})


@pytest.mark.parametrize("given", [["*"], ["0.0.0.0/0"], ["::/0"], ["10.0.0.7/8"], ["proxy.example"]])
def test_everybody_is_no_proxy(given: list[str]) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        ServiceSettings(trusted_proxies=given)


def test_addresses_of_one_network_of_ipv6_share_a_bucket() -> None:
    assert client_of("2001:db8:1:2::1") == client_of("2001:db8:1:2:ffff::9") != client_of("2001:db8:1:3::1")
    assert (client_of("10.0.0.1"), client_of("somewhere")) == ("10.0.0.1", "somewhere")
