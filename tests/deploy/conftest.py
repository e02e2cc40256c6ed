"""Servers for the tests of this folder, started once for each file that asks and always ended."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from deploy.local.kafka import EmbeddedKafka
from deploy.local.postgres import EmbeddedPostgres
from tests.support.composed import free_port
from tests.support.debian_postgres import folder_of_its_own


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    with folder_of_its_own() as folder, EmbeddedPostgres(folder) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Letters:
    """What the mail server was handed, by recipient."""

    def __init__(self) -> None:
        self.to: Counter[str] = Counter()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 — aiosmtpd's word
        self.to.update(envelope.rcpt_tos)
        return "250 OK"


@pytest.fixture(scope="module")
def letters() -> Iterator[tuple[Letters, int]]:
    """A real mail server that containers reach."""
    handler, port = Letters(), free_port()
    controller = Controller(handler, hostname="0.0.0.0", port=port)  # noqa: S104 — containers come from outside
    controller.start()
    yield handler, port
    controller.stop()
