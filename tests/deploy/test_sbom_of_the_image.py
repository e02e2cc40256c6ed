"""`make sbom-image`: every Debian package of an image is in the list, which is the CycloneDX that it says to be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.support.paths import ROOT

PYTHON = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "version": 1,
    "components": [{"type": "library", "bom-ref": "x", "name": "asyncpg", "version": "1"}],
}
# In place of Docker: this machine is the image.
DOCKER = '#!/bin/sh\n[ "$7" = posada:x ] || { echo "no image $7" >&2; exit 125; }\nexec "$6" "$8"\n'
needs_debian = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this machine has no Debian packages")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where programs are, the stand-in first."""
    docker = tmp_path / "docker"
    docker.write_text(DOCKER, encoding="ascii")
    docker.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def listed(path: str, *image: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "sbom-image", *image],
        input=json.dumps(PYTHON),
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_debian
def test_all_of_debian_and_the_interpreter_are_beside_python_s_packages(path: str) -> None:
    told = listed(path, "posada:x")
    assert told.returncode == 0, told.stderr
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(told.stdout) is None
    found = json.loads(told.stdout)["components"]
    asked = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package} ${Version}\n"]
    installed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    debian = [one for one in found if one.get("purl", "").startswith("pkg:deb/debian/")]
    assert sorted(f"installed {one['name']} {one['version']}" for one in debian) == sorted(
        line for line in installed if line.startswith("installed ")
    )
    assert all(set(one["purl"]) & set("+:") == {":"} and one["purl"].count(":") == 1 for one in debian)
    assert {"asyncpg", "python"} <= {one["name"] for one in found}


def test_an_image_that_is_not_there_is_named(path: str) -> None:
    told = listed(path, "posada:nowhere")
    assert (told.returncode, told.stdout) == (4, "")
    assert "posada:nowhere cannot be read: no image posada:nowhere" in told.stderr
    assert listed(path).returncode == 2
    assert "docker cannot be run" in listed("/nowhere", "posada:x").stderr
