"""The chart encrypts and checks every connection unless it is told by name not to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.cluster.chart import CHART, VERSIONS, containers, environment, helm, needs_helm

OPEN = ("kafka.securityProtocol=PLAINTEXT", "kafka.insecure=true", "database.sslMode=prefer", "database.insecure=true")


def template(*values: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """The chart as it is delivered, with a few values."""
    words = [word for value in values for word in ("--set", value)]
    return helm("template", "r", str(chart), "--kube-version", VERSIONS[1], *words)


def notes(folder: Path, *values: str) -> str:
    """What is said after an install, which helm alone tells nobody without a cluster."""
    copy = folder / "chart"
    shutil.copytree(CHART, copy, dirs_exist_ok=True)
    shutil.copy(copy / "templates" / "NOTES.txt", copy / "files" / "notes.txt")
    (copy / "templates" / "said.yaml").write_text(
        'kind: Said\nsaid: {{ tpl (.Files.Get "files/notes.txt") . | quote }}\n'
    )
    manifests = yaml.safe_load_all(template(*values, chart=copy).stdout)
    [said] = [one["said"] for one in manifests if one and one["kind"] == "Said"]
    return str(said)


@needs_helm
def test_by_default_every_connection_is_encrypted_and_both_ends_are_known() -> None:
    manifests = [one for one in yaml.safe_load_all(template().stdout) if one]
    for pod, container in containers(manifests):
        variables, what = environment(container), container["args"][0]
        if what != "migrate":
            assert variables["POSADA_KAFKA_SECURITY_PROTOCOL"]["value"] == "SASL_SSL"
            assert variables["POSADA_KAFKA_SASL_MECHANISM"]["value"] == "SCRAM-SHA-512"
            assert variables["POSADA_KAFKA_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "posada-kafka"
        if what != "topics":
            assert variables["PGSSLMODE"]["value"] == "verify-full"
            assert variables["PGSSLROOTCERT"]["value"] == "/etc/posada/database/ca.crt"
            assert [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one] == ["posada-database-ca"]
        if what == "serve":
            assert variables["POSADA_API_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "posada-api"


@needs_helm
def test_a_server_whose_authority_everybody_knows_is_checked_by_what_the_image_trusts() -> None:
    for pod, container in containers(
        [one for one in yaml.safe_load_all(template("database.ca.secret=").stdout) if one]
    ):
        if container["args"][0] != "topics":
            assert environment(container)["PGSSLROOTCERT"]["value"] == "/etc/ssl/certs/ca-certificates.crt"
        assert "database-ca" not in {one["name"] for one in pod["volumes"]}


@needs_helm
@pytest.mark.parametrize(
    "value",
    [
        *(f"kafka.securityProtocol={protocol}" for protocol in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT")),
        *(f"database.sslMode={mode}" for mode in ("disable", "allow", "prefer", "require", "verify-ca")),
    ],
)
def test_less_than_that_is_taken_only_where_it_is_called_insecure(value: str) -> None:
    name, _, given = value.partition("=")
    section = name.partition(".")[0]
    refused = template(value)
    assert refused.returncode != 0
    assert f"{name} is {given}" in refused.stderr
    assert f"{section}.insecure true" in refused.stderr
    other = "database" if section == "kafka" else "kafka"
    assert template(value, f"{other}.insecure=true").returncode != 0
    assert template(value, f"{section}.insecure=true").returncode == 0
    assert "/kafka/insecure" in template("kafka.insecure=1").stderr


@needs_helm
def test_what_is_insecure_is_said_after_each_install_and_mounts_no_authority(tmp_path: Path) -> None:
    said = notes(tmp_path, *OPEN)
    assert "kafka.insecure is set, and the connection to Kafka uses PLAINTEXT" in said
    assert "database.insecure is set" in said
    assert "WARNING" not in notes(tmp_path)
    for pod, container in containers([one for one in yaml.safe_load_all(template(*OPEN).stdout) if one]):
        assert {one["name"] for one in pod["volumes"]} == {"tmp"}
        assert not {"POSADA_KAFKA_PASSWORD", "PGSSLROOTCERT"} & set(environment(container))
