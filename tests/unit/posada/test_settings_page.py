"""The page of settings is what the code says, and leaves nothing unexplained."""

from __future__ import annotations

import json

import pytest

from posada.cli.reference.settings import EVERY, as_markdown, variables
from posada.main import run
from tests.support.paths import ROOT

PAGE = ROOT / "docs/settings.md"
FOUND = list(variables())


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(FOUND), "posada settings --markdown > docs/settings.md"


@pytest.mark.parametrize("variable", FOUND, ids=lambda one: f"{one.service} {one.name}")
def test_every_variable_says_what_it_means(variable: object) -> None:
    assert getattr(variable, "meaning", "")


def test_what_a_service_has_otherwise_is_listed_again() -> None:
    ports = {one.service: one.default for one in FOUND if one.name == "POSADA_HTTP_PORT"}
    assert (ports[EVERY], ports["booking"], len(ports)) == ("`8000`", "`8102`", 6)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("API_KEYS", True),
        ("API_TOKEN", True),
        ("KAFKA_PASSWORD", True),
        ("DATABASE_URL", True),
        ("SMTP_PASSWORD", True),
        ("SMTP_HOST", False),
    ],
)
def test_secrets_are_marked(name: str, secret: bool) -> None:
    assert {one.secret for one in FOUND if one.name == f"POSADA_{name}"} == {secret}


def test_no_secret_of_this_environment_gets_onto_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSADA_API_TOKEN", "very-secret")
    with pytest.raises(SystemExit):
        run(["settings", "--json"])
    told = capsys.readouterr().out
    assert "very-secret" not in told
    assert len(json.loads(told)) == len(FOUND)
