"""posada token: what it prints opens the services."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from posada.main import run
from shared.auth.tokens import Caller, Role, new_secret, read

KEYS = {"old": new_secret(), "new": new_secret()}


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        run(["token", *words])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out.strip(), said.err


def test_a_token_is_printed_alone_and_is_one_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSADA_API_KEYS", json.dumps(KEYS))
    words = ("issue", "--subject", "ana", "--role", "desk", "--property", "a", "--property", "b")
    code, token, _ = told(capsys, *words)
    assert code == 0
    assert read({"new": SecretStr(KEYS["new"])}, token) == Caller("ana", Role.DESK, frozenset({"a", "b"}))
    _, printed, _ = told(capsys, *words[:-4], "--property", "*", "--key", "old", "--json")
    assert read({"old": SecretStr(KEYS["old"])}, json.loads(printed)["token"]) == Caller("ana", Role.DESK)


def test_what_cannot_be_signed_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("issue", "--subject", "ana", "--role", "desk", "--property", "a")
    monkeypatch.delenv("POSADA_API_KEYS", raising=False)
    code, _, error = told(capsys, *words)
    assert (code, "set POSADA_API_KEYS" in error) == (2, True)
    monkeypatch.setenv("POSADA_API_KEYS", json.dumps(KEYS))
    code, _, error = told(capsys, *words, "--key", "lost")
    assert (code, "no key lost" in error) == (2, True)
    monkeypatch.setenv("POSADA_API_KEYS", '{"a": "short"}')
    code, _, error = told(capsys, *words)
    assert "POSADA_API_KEYS" in error
    assert "short" not in error.replace("posada token key", "")
    assert told(capsys, "issue", "--subject", "a", "--role", "owner", "--property", "a")[0] == 2


def test_a_key_is_new_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    (_, one, _), (_, another, _) = told(capsys, "key"), told(capsys, "key")
    assert one != another
    assert len(one) >= 32
