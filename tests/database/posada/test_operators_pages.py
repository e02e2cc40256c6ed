"""What operators' pages tell to type can be typed: statements, commands and options, variables, log lines."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posada.main import make_app
from shared.contracts.topics import SERVICES
from tests.contracts.statements import not_understood
from tests.support.paths import ROOT
from tests.support.servers.databases import Databases

DOCS = ROOT / "docs"
PAGES = [
    DOCS / "operate.md",
    DOCS / "deploy.md",
    *sorted(DOCS.glob("runbooks/*.md")),
    *sorted(DOCS.glob("routines/*.md")),
]
SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
LOG_LINE = re.compile(r"[a-z]+\.[a-z_]+")
# Read by the command line, PostgreSQL's containers or Kubernetes, not by a service.
ELSEWHERE = {
    "POSADA_DATA",
    "POSADA_DEBUG",
    "POSADA_PARTS",
    "POSADA_IMAGE",
    "POSADA_ONE_DATABASE",
    "POSADA_TEST_KAFKA_IMAGE",
}


def spans() -> list[tuple[str, str]]:
    """Every code span, with its page; lines of consoles too."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        consoles = re.findall(r"^\s*\$ (.+?)(?:\s+#.*)?$", text, flags=re.MULTILINE)
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found += [(page.stem, " ".join(one.split())) for one in [*SPAN.findall(prose), *consoles]]
    return found


SELECTS = sorted({span for span in spans() if span[1].startswith("SELECT ")} - {("gauges-stale", "SELECT")})
COMMANDS = sorted({span for span in spans() if re.match(r"(\.venv/bin/)?posada [a-z]", span[1])})
VARIABLES = sorted({one for _, span in spans() for one in re.findall(r"\bPOSADA_[A-Z_]+[A-Z]\b", span)} - ELSEWHERE)


@cache
def help_of(*words: str) -> str | None:
    """What a command says of itself; None where there is no such command."""
    told = CliRunner().invoke(make_app(words[0]), [*words, "--help"])
    return told.stdout if told.exit_code == 0 else None


@pytest.mark.real
@pytest.mark.parametrize(("page", "statement"), SELECTS)
async def test_a_statement_is_understood_by_a_service_s_database(
    page: str, statement: str, databases: Databases
) -> None:
    complaints = []
    for service in SERVICES:
        url = databases.fresh(service)
        try:
            refused = await not_understood(url, [statement])
        finally:
            databases.drop(url)
        if not refused:
            return
        complaints += refused.values()
    pytest.fail(f"{page}: {complaints}")


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_and_its_options_exist(page: str, command: str) -> None:
    words = command.removeprefix(".venv/bin/").split()[1:]
    names = [word for word in words[:2] if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
    told = help_of(*names) or help_of(*names[:1])
    assert told, f"{page}: there is no {command}"
    for option in re.findall(r"(?<!\S)--[a-z-]+", command):
        assert re.search(rf"{option}(?![a-z-])", told), f"{page}: {names} has no {option}"


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_is_one_that_services_read(variable: str) -> None:
    known = (DOCS / "settings.md").read_text(encoding="utf-8") + (ROOT / "deploy/compose.yaml").read_text(
        encoding="utf-8"
    )
    assert variable in known or re.search(rf"{variable}\b", _sources()), variable


@pytest.mark.parametrize("page", sorted(DOCS.glob("runbooks/*.md")), ids=lambda page: page.stem)
def test_a_log_line_is_one_that_is_written(page: Path) -> None:
    named = {one for one in SPAN.findall(page.read_text(encoding="utf-8")) if LOG_LINE.fullmatch(one)}
    named = {one for one in named if not one.endswith((".md", ".yml", ".yaml"))}
    missing = {one for one in named if f'"{one}"' not in _sources()}
    assert not missing


@cache
def _sources() -> str:
    files = [file for part in ("services", "shared", "posada", "deploy") for file in (ROOT / part).rglob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
