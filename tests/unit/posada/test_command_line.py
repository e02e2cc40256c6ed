"""The commands without servers: what they refuse, in one sentence, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from posada.cli.run.up import copies_of
from posada.main import COMMANDS, make_app, run
from shared.contracts.topics import ALL_TOPICS
from shared.http.app import refuse_unauthenticated
from shared.settings import ServiceSettings

NOBODY = "127.0.0.1:1"


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        run(list(words))
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Posada runs, and the environment names none."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "KAFKA_BOOTSTRAP",
        "DATABASE_URL",
        "DATA",
        "AVAILABILITY_URL",
        "BOOKING_URL",
        "NOTIFICATIONS_URL",
        "PARTS",
        "DEBUG",
    ):
        monkeypatch.delenv(f"POSADA_{name}", raising=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    answer = CliRunner().invoke(make_app(command), [command, "--help"])
    assert answer.exit_code == 0
    assert command in answer.output


def test_the_help_names_every_command() -> None:
    answer = CliRunner().invoke(make_app(), ["--help"])
    assert all(command in answer.output for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [
        (["request", "--example"], 4, "posada up"),
        (["status", "x"], 4, "POSADA_BOOKING_URL"),
        (["outbox"], 4, "posada up"),
        (["dead", "list"], 4, "--bootstrap"),
        (["dead", "replay"], 2, "--all"),
        (["topics"], 4, "posada up"),
        (["topics", "--bootstrap", NOBODY], 4, "posada up"),
        (["request", "--example", "--bootstrap", NOBODY], 4, "--bootstrap"),
        (["request"], 2, "--example"),
        (["request", "nowhere.json"], 2, "another file"),
        (["migrate"], 2, "POSADA_AVAILABILITY_DATABASE_URL"),
        (["migrate", "payments"], 2, "POSADA_DATABASE_URL"),
        (["migrate", "parking"], 2, "choose one of"),
        (["audit"], 4, "--database"),
        (["audit", "--database", "booking=here"], 2, "SERVICE=postgresql://"),
        (["audit", "--database", "parking=postgresql://h/p"], 2, "choose one of"),
        (["serve", "parking"], 2, "choose one of"),
        (["payments", "import", "nowhere.csv"], 2, "another file"),
        (["payments", "import", "-", "--layout", "nowhere.yaml"], 2, "another file"),
        (["rooms", "export"], 4, "POSADA_AVAILABILITY_URL"),
        (["rooms", "import", "nowhere.csv"], 2, "another file"),
        (["schemas", "--check", "--out", "empty"], 1, "posada schemas"),
        (["up", "--scale", "booking"], 2, "booking=2"),
        (["nothing"], 2, "--help"),
    ],
)
def test_a_problem_is_one_sentence_with_its_remedy(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, remedy: str
) -> None:
    ended, out, err = outcome(capsys, *words)
    assert ended == code
    assert remedy in err
    assert not out
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["", "not json", "[1]", '"text"', "{"])
def test_a_request_that_is_no_object_is_a_matter_of_usage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "request.json").write_text(text)
    code, _, err = outcome(capsys, "request", "request.json")
    assert code == 2
    assert "request.json" in err


def test_a_request_that_is_not_text_is_a_matter_of_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "request.json").write_bytes(b"\xff\xfe{}")
    assert outcome(capsys, "request", "request.json")[0] == 2


def test_a_request_without_an_id_is_given_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"check_in": "{{today}}"}')
    code, out, _ = outcome(capsys, "request", "request.json", "--print")
    assert code == 0
    assert json.loads(out)["request_id"].startswith("cli-")


def test_a_setting_that_does_not_fit_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSADA_HTTP_PORT", "many")
    code, _, err = outcome(capsys, "serve", "payments")
    assert code == 4
    assert "POSADA_HTTP_PORT" in err


def test_an_environment_that_contradicts_itself_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSADA_PARTS", "wood")
    code, _, err = outcome(capsys, "up")
    assert code == 4
    assert "POSADA_PARTS" in err


def test_debugging_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSADA_DEBUG", "1")
    with pytest.raises(Exception, match="No Posada runs"):
        run(["status", "x"])


def test_topics_are_listed_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "topics", "--list", "--json")
    assert code == 0
    assert {topic["name"]: topic["partitions"] for topic in json.loads(out)} == {
        topic.name: topic.partitions for topic in ALL_TOPICS
    }
    code, out, _ = outcome(capsys, "topics", "--list")
    assert code == 0
    assert all(topic.name in out for topic in ALL_TOPICS)
    code, out, _ = outcome(capsys, "topics", "--list", "--instances", "24", "--json")
    assert code == 0
    assert max(topic["partitions"] for topic in json.loads(out)) == 24


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "--version")
    assert (code, out.split()[0]) == (0, "posada")


def test_copies_are_read() -> None:
    assert copies_of("booking=3") == ("booking", 3)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "10.0.0.7", "posada.example"])  # noqa: S104 — to be refused
def test_a_service_opens_to_other_machines_only_with_a_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("POSADA_HTTP_HOST", host)
    monkeypatch.delenv("POSADA_API_TOKEN", raising=False)
    code, _, said = outcome(capsys, "serve", "booking")
    assert code == 4
    assert said.count("\n") == 1
    assert "POSADA_API_TOKEN" in said


@pytest.mark.parametrize(
    ("host", "token"),
    [("127.0.0.1", None), ("::1", None), ("localhost", None), ("0.0.0.0", "secret" * 6)],  # noqa: S104
)
def test_on_loopback_or_with_a_token_it_serves(host: str, token: str | None) -> None:
    refuse_unauthenticated(ServiceSettings(http_host=host, api_token=SecretStr(token) if token else None))
