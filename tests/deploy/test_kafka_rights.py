"""The page of Kafka's rights names the topics that each service's code reads and writes, no more and no fewer."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from typing import Any

import pytest

from shared.contracts.topics import SERVICES
from shared.kafka.topics import dead, internal
from shared.messages.message import message_types
from tests.support.paths import ROOT

PAGE = (ROOT / "docs/operate.md").read_text(encoding="utf-8").partition("## Kafka with users")[2]


def rights(user: str) -> tuple[set[str], set[str]]:
    """What a row of the page lets a user read and write; `…` stands for the beginning of the topic before."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {user} |")]
    read, written = row.split("|")[2:4]
    return _topics(read), _topics(written)


def _topics(cell: str) -> set[str]:
    found, beginning = set(), ""
    for name in re.findall(r"`([^`]+)`", cell):
        whole = name.replace("….", beginning) if name.startswith("…") else name
        beginning = whole.rpartition(".")[0] + "."
        found.add(whole)
    return found


def written_by(service: str) -> set[str]:
    """The topics of the messages that a service's code makes, beside its own two."""
    kinds = {kind.__name__: kind.topic.name for kind in message_types().values()}
    made = {internal(service).name, dead(service).name}
    for file in (ROOT / "services" / service).rglob("*.py"):
        if file.name == "samples.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                made.add(kinds[node.func.id])
    # What it is told by others it may also be told over HTTP or by a feed, and tells it to itself without Kafka.
    told = {topic.name for topic in routes_of(service).topics} - {internal(service).name}
    return made - (told if service != "notifications" else set())


def routes_of(service: str) -> Any:
    return import_module(f"services.{service}.app").build().routes


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_the_page_says(service: str) -> None:
    assert rights(service)[0] == {topic.name for topic in routes_of(service).topics}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_what_the_page_says(service: str) -> None:
    assert rights(service)[1] == written_by(service)
