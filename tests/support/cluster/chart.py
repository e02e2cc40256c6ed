"""Renders the chart with helm, for tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

CHART = ROOT / "deploy" / "helm" / "posada"
# The oldest that Chart.yaml lets in, and newer ones.
VERSIONS = ("1.27.0", "1.33.0", "1.37.0")
Manifest = dict[str, Any]

needs_helm = pytest.mark.skipif(
    shutil.which("helm") is None, reason="helm is not installed: go install helm.sh/helm/v3/cmd/helm@latest"
)


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    return subprocess.run(["helm", *words], capture_output=True, text=True, check=False)  # noqa: S607


def rendered(values: str, *more: str, version: str = VERSIONS[1]) -> list[Manifest]:
    """The manifests of one set of values."""
    told = helm("template", "r", str(CHART), "--kube-version", version, "--values", values_file(values), *more)
    assert told.returncode == 0, told.stderr
    return [one for one in yaml.safe_load_all(told.stdout) if one]


def values_file(values: str) -> str:
    """Where a set of values is."""
    return str(CHART / "ci" / f"{values}-values.yaml")


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The manifests of a kind, by name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def containers(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Every pod with its container."""
    for one in manifests:
        if one["kind"] in {"Deployment", "Job"}:
            pod = one["spec"]["template"]["spec"]
            [container] = pod["containers"]
            yield pod, container


def environment(container: Manifest) -> dict[str, Manifest]:
    """A container's variables by name."""
    return {one["name"]: one for one in container["env"]}
