"""The audit of our packages never passes off as looked up what was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

AUDIT = ROOT / ".ci/audit"
WEAK = {"name": "leaky", "version": "1.0", "vulns": [{"id": "CVE-2030-1", "fix_versions": ["1.1"]}]}
SOUND = {"name": "sound", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "unheard-of", "skip_reason": "not on PyPI", "vulns": []}


def audited(folder: Path, answer: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The audit beside a pip-audit that gives this answer."""
    (folder / "python").symlink_to(sys.executable)
    for name, told in (("uv", ""), ("pip-audit", answer)):
        (folder / f"{name}.told").write_text(told)
        (folder / name).write_text(f'#!/bin/sh\ncat "{folder}/{name}.told"\n')
        (folder / name).chmod(0o755)
    environment = {**os.environ, "CI_NOTES": str(folder / "notes"), **environ}
    return subprocess.run([folder / "python", AUDIT], check=False, capture_output=True, text=True, env=environment)


def of(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages})


@pytest.mark.parametrize("answer", ["", "no route to host", of(UNKNOWN)])
def test_what_was_not_looked_up_is_told_and_told_again_at_the_end(tmp_path: Path, answer: str) -> None:
    told = audited(tmp_path, answer)
    assert told.returncode == 0
    assert told.stderr.startswith("NOT AUDITED")
    assert (tmp_path / "notes").read_text() == told.stderr


def test_where_an_audit_is_asked_for_none_is_a_failure(tmp_path: Path) -> None:
    assert audited(tmp_path, of(UNKNOWN), AUDIT_REQUIRED="1").returncode == 1


def test_a_weakness_is_named_with_its_remedy(tmp_path: Path) -> None:
    told = audited(tmp_path, of(WEAK, SOUND))
    assert told.returncode == 1
    assert "leaky 1.0: CVE-2030-1, mended by 1.1" in told.stderr
    assert "2 of 2 packages looked up, 1 with a known weakness" in told.stderr


def test_how_many_were_looked_up_is_said(tmp_path: Path) -> None:
    told = audited(tmp_path, of(SOUND, UNKNOWN))
    assert (told.returncode, told.stderr) == (0, "1 of 2 packages looked up, 0 with a known weakness\n")
    assert not (tmp_path / "notes").exists()
