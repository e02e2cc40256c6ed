"""Kafka by TLS and password: a real broker that knows whom it lets in, and what an outsider may not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnrecognizedBrokerVersion,
)
from httpx import ASGITransport, AsyncClient
from pydantic import ValidationError

from deploy.local.kafka.server import EmbeddedKafka
from deploy.local.processes.folders import LOOPBACK, kept_ports
from posada.audit.topic_snapshot import TopicReader
from posada.main import run
from services.booking.app import build
from services.booking.settings import Settings
from shared.contracts.topics import ALL_TOPICS, BOOKING_REQUESTS
from shared.kafka.access import KafkaSettings
from shared.kafka.broker import security_of
from shared.kafka.topic_admin import create_topics
from shared.messages.record_settings import TRUSTING
from tests.support.servers.certificates import OPENSSL, make_certificate
from tests.support.servers.databases import FreshDatabase

OWN, STRANGER = ("posada", "a-password-of-our-own"), ("stranger", "another-password")
GIVEN = {"kafka_username": OWN[0], "kafka_password": OWN[1]}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A broker that only speaks TLS, and only to those it knows."""

    bootstrap: str
    certificate: Path

    def settings(self, user: tuple[str, str] = OWN, **changes: Any) -> dict[str, Any]:
        return {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_username": user[0],
            "kafka_password": user[1],
            "kafka_ca_file": self.certificate,
            **changes,
        }

    def variables(self, user: tuple[str, str] = OWN) -> dict[str, str]:
        return {f"POSADA_{name.upper()}": str(value) for name, value in self.settings(user).items()}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The port in plain text is the broker's own, for itself and its administrator."""
    folder = tmp_path_factory.mktemp("guarded")
    certificate = made_certificate(folder)
    ports = kept_ports(folder / "ports.json", {"broker": None, "controller": None})
    outside = kept_ports(folder / "outside.json", {"outside": None})["outside"]
    listeners = f"PLAINTEXT://{LOOPBACK}:{ports['broker']},OUTSIDE://{LOOPBACK}:{outside}"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    more = {
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{ports['controller']}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OUTSIDE:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.outside.scram-sha-512.sasl.jaas.config": scram,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "both.pem",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{OWN[0]}",
    }
    with EmbeddedKafka(folder, more_settings=more, users=dict([OWN, STRANGER])):
        yield Guarded(f"{LOOPBACK}:{outside}", certificate)


def made_certificate(folder: Path) -> Path:
    if not OPENSSL:
        pytest.skip("openssl is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make_certificate(key, certificate)
    (folder / "both.pem").write_text(key.read_text() + certificate.read_text())
    return certificate


@asynccontextmanager
async def producer(guarded: Guarded, settings: dict[str, Any]) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=guarded.bootstrap, **KafkaSettings(**settings).kafka_client())
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


@pytest.mark.real
class TestGuardedBroker:
    async def test_the_command_line_and_a_service_get_in(
        self, guarded: Guarded, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in guarded.variables().items():
            monkeypatch.setenv(name, value)
        for words in (["topics"], ["dead", "list"]):
            with pytest.raises(SystemExit) as ended:
                await asyncio.to_thread(run, [*words, "--bootstrap", guarded.bootstrap])
            assert ended.value.code == 0
        async with TopicReader(guarded.bootstrap) as topics:
            assert (await topics.look()).dead == []
        settings = Settings(
            kafka_bootstrap=guarded.bootstrap, database_url=fresh_database("booking"), kafka_records=TRUSTING
        )
        app = build(settings).app()
        http = AsyncClient(transport=ASGITransport(app), base_url="http://booking")
        async with asyncio.timeout(60), app.router.lifespan_context(app), http:
            while (await http.get("/health/ready")).status_code != 200:  # noqa: ASYNC110 — nobody tells of it
                await asyncio.sleep(0.1)

    async def test_a_user_without_rights_can_neither_make_topics_nor_write(
        self, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in guarded.variables().items():
            monkeypatch.setenv(name, value)
        await create_topics(guarded.bootstrap, ALL_TOPICS)
        async with producer(guarded, guarded.settings(STRANGER)) as client:
            with pytest.raises(TopicAuthorizationFailedError):
                await client.send_and_wait(BOOKING_REQUESTS.name, b"{}")
        async with producer(guarded, guarded.settings()) as client:
            await client.send_and_wait(BOOKING_REQUESTS.name, b"{}")
        for name, value in guarded.variables(STRANGER).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(KafkaError):
            await create_topics(guarded.bootstrap, [BOOKING_REQUESTS])

    @pytest.mark.parametrize("user", [(OWN[0], "wrong"), ("nobody", OWN[1])])
    async def test_who_shows_a_wrong_password_does_not_get_in(self, guarded: Guarded, user: tuple[str, str]) -> None:
        with pytest.raises(KafkaConnectionError):
            async with producer(guarded, guarded.settings(user)):
                pass

    async def test_a_broker_that_is_not_who_it_says_is_not_spoken_to(self, guarded: Guarded) -> None:
        with pytest.raises(KafkaConnectionError):
            async with producer(guarded, guarded.settings(kafka_ca_file=None)):
                pass

    async def test_without_tls_nothing_is_said(self, guarded: Guarded) -> None:
        for changes in ({"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_ca_file": None},):
            with pytest.raises((KafkaConnectionError, UnrecognizedBrokerVersion)):
                async with producer(guarded, guarded.settings(**changes)):
                    pass


class TestSettings:
    def test_in_plain_text_clients_are_told_nothing(self) -> None:
        assert KafkaSettings().kafka_client() == {}
        assert security_of(KafkaSettings()) is None

    def test_tls_checks_whom_it_talks_to(self) -> None:
        context = KafkaSettings(kafka_security_protocol="SSL").kafka_client()["ssl_context"]
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED

    def test_faststream_is_told_the_same(self) -> None:
        for protocol, tls in (("SASL_SSL", True), ("SASL_PLAINTEXT", False)):
            told = KafkaSettings(kafka_security_protocol=protocol, **GIVEN)
            broker, client = security_of(told), told.kafka_client()
            assert broker is not None
            assert (broker.use_ssl, broker.ssl_context is not None) == (tls, tls)
            assert (client["security_protocol"], client["ssl_context"] is not None) == (protocol, tls)
            assert (client["sasl_plain_username"], client["sasl_plain_password"]) == OWN

    @pytest.mark.parametrize(
        ("given", "remedy"),
        [
            ({"kafka_security_protocol": "SASL_SSL"}, "POSADA_KAFKA_USERNAME"),
            ({"kafka_security_protocol": "SASL_SSL", "kafka_username": "a"}, "POSADA_KAFKA_PASSWORD"),
            (GIVEN, "set POSADA_KAFKA_SECURITY_PROTOCOL"),
            (
                {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN", **GIVEN},
                "tell all the password",
            ),
            ({"kafka_security_protocol": "SSL", "kafka_ca_file": "/nowhere.pem"}, "there is no file"),
        ],
    )
    def test_what_contradicts_itself_is_refused(self, given: dict[str, str], remedy: str) -> None:
        with pytest.raises(ValidationError, match=remedy):
            KafkaSettings(**given)
