"""The chart: three sets of values give manifests that Kubernetes accepts, safe by default; each value is documented."""

import base64
import json
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module

import kubernetes_validate
import pytest
import yaml

from shared.contracts.topics import SERVICES
from tests.support.cluster.chart import (
    CHART,
    ROOT,
    VERSIONS,
    Manifest,
    containers,
    environment,
    helm,
    needs_helm,
    of_kind,
    rendered,
    values_file,
)

SETS = ("small", "production", "one-database")
# Their schemas come with their operators, not with Kubernetes.
OTHERS = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PrometheusRule"}
# What is no setting of ours but the database client's.
CLIENT = {"PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"}
KAFKA = {f"POSADA_KAFKA_{name}" for name in ("SECURITY_PROTOCOL", "SASL_MECHANISM", "USERNAME", "PASSWORD", "CA_FILE")}


@needs_helm
@pytest.mark.parametrize("values", SETS)
def test_helm_finds_nothing_to_complain_of(values: str) -> None:
    told = helm("lint", "--strict", "--kube-version", VERSIONS[1], str(CHART), "--values", values_file(values))
    assert told.returncode == 0, told.stdout


@needs_helm
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", SETS)
def test_manifests_are_what_kubernetes_accepts(values: str, version: str) -> None:
    manifests = rendered(values, version=version)
    assert {"Deployment", "Job", "Service", "NetworkPolicy"} <= {one["kind"] for one in manifests}
    for one in manifests:
        if one["kind"] not in OTHERS:
            kubernetes_validate.validate(one, version, strict=True)


@needs_helm
def test_the_check_of_manifests_can_fail() -> None:
    wrong = rendered("small", "--set-json", 'defaults.probes.liveness={"periodSecond": 3}')
    with pytest.raises(kubernetes_validate.ValidationError, match="periodSecond"):
        for one in wrong:
            kubernetes_validate.validate(one, VERSIONS[1], strict=True)


@needs_helm
@pytest.mark.parametrize("values", SETS)
def test_pods_have_no_rights_and_no_secret_stands_in_a_manifest(values: str) -> None:
    found = list(containers(rendered(values)))
    assert len(found) == 2 * len(SERVICES) + 1
    for pod, container in found:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        for name, one in environment(container).items():
            if any(word in name for word in ("PASSWORD", "TOKEN", "KEYS", "USERNAME", "SECRETS")):
                assert set(one) == {"name", "valueFrom"}, name


@needs_helm
@pytest.mark.parametrize("values", SETS)
def test_every_variable_is_a_setting_that_the_service_reads(values: str) -> None:
    for service, deployment in zip(sorted(SERVICES), sorted_deployments(values), strict=True):
        settings = import_module(f"services.{service}.settings").Settings
        known = {f"POSADA_{name.upper()}" for name in settings.model_fields} | KAFKA | CLIENT
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["serve", service]
        assert set(environment(container)) <= known


def sorted_deployments(values: str) -> list[Manifest]:
    """The deployments by name."""
    found = of_kind(rendered(values), "Deployment")
    return [found[name] for name in sorted(found)]


@needs_helm
@pytest.mark.parametrize(
    ("token", "keys", "named"),
    [
        ("posada-api", "", {"POSADA_API_TOKEN": ("posada-api", "token")}),
        ("", "signing", {"POSADA_API_KEYS": ("signing", "keys")}),
        (
            "posada-api",
            "signing",
            {"POSADA_API_TOKEN": ("posada-api", "token"), "POSADA_API_KEYS": ("signing", "keys")},
        ),
    ],
)
def test_a_house_moves_from_the_shared_token_to_keys(token: str, keys: str, named: dict[str, tuple[str, str]]) -> None:
    for deployment in of_kind(
        rendered("small", "--set", f"apiToken.secret={token},apiKeys.secret={keys}"), "Deployment"
    ).values():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        secrets = {
            name: one["valueFrom"]["secretKeyRef"]
            for name, one in environment(container).items()
            if name.startswith("POSADA_API_")
        }
        assert {name: (one["name"], one["key"]) for name, one in secrets.items()} == named


@needs_helm
def test_a_service_s_secrets_are_beside_those_of_all() -> None:
    more = ("--set-json", 'defaults.envSecrets=["common"]', "--set-json", 'services.payments.envSecrets=["own"]')
    found = {}
    for name, deployment in of_kind(rendered("small", *more), "Deployment").items():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        found[name.removeprefix("r-posada-")] = [one["secretRef"]["name"] for one in container["envFrom"]]
    assert found == {service: ["common", "own"] if service == "payments" else ["common"] for service in SERVICES}


@needs_helm
def test_production_scales_on_lag_and_speaks_to_kafka_by_sasl_and_tls() -> None:
    manifests = rendered("production")
    scaled = of_kind(manifests, "ScaledObject")
    assert set(scaled) == {f"r-posada-{service}" for service in SERVICES} == set(of_kind(manifests, "Deployment"))
    for name, one in scaled.items():
        [trigger] = one["spec"]["triggers"]
        assert trigger["type"] == "kafka"
        assert trigger["metadata"]["consumerGroup"] == f"posada-{name.removeprefix('r-posada-')}"
        assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == ("scram_sha512", "enable")
        assert trigger["authenticationRef"]["name"] in of_kind(manifests, "TriggerAuthentication")
        assert one["spec"]["minReplicaCount"] >= 1
    for deployment in of_kind(manifests, "Deployment").values():
        assert "replicas" not in deployment["spec"]
    for _, container in containers(manifests):
        variables = environment(container)
        if "POSADA_KAFKA_BOOTSTRAP" in variables:
            assert variables["POSADA_KAFKA_SECURITY_PROTOCOL"]["value"] == "SASL_SSL"
            assert {"POSADA_KAFKA_USERNAME", "POSADA_KAFKA_PASSWORD", "POSADA_KAFKA_CA_FILE"} <= set(variables)
    assert len(of_kind(manifests, "PodDisruptionBudget")) == len(SERVICES)


@needs_helm
def test_migrations_run_before_the_services_each_by_its_owner() -> None:
    jobs = of_kind(rendered("small"), "Job")
    assert set(jobs) == {f"r-posada-migrate-{service}" for service in SERVICES} | {"r-posada-topics"}
    for service in SERVICES:
        job = jobs[f"r-posada-migrate-{service}"]
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        [container] = job["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["migrate", service]
        variables = environment(container)
        assert variables["POSADA_DATABASE_URL"]["value"] == f"postgresql://{service}_owner@postgres:5432/{service}"
        secret = variables["PGPASSWORD"]["valueFrom"]["secretKeyRef"]
        assert secret == {"name": "posada-database-owners", "key": service}


@needs_helm
def test_services_work_by_roles_of_their_own_that_own_nothing() -> None:
    for _, container in containers(rendered("small")):
        if container["args"][0] == "serve":
            service, variables = container["args"][1], environment(container)
            assert variables["POSADA_DATABASE_URL"]["value"] == f"postgresql://{service}@postgres:5432/{service}"
            assert variables["PGPASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "posada-database", "key": service}


@needs_helm
def test_who_has_no_owners_migrates_by_the_services_roles_and_one_may_have_its_own() -> None:
    changes = (
        "database.owners.secret=",
        "services.payments.database.owner=dba",
        "services.payments.database.ownerSecret=s",
    )
    told = helm("template", "r", str(CHART), "--kube-version", VERSIONS[1], *[w for c in changes for w in ("--set", c)])
    jobs = of_kind(list(yaml.safe_load_all(told.stdout)), "Job")
    found = {}
    for service in SERVICES:
        [container] = jobs[f"r-posada-migrate-{service}"]["spec"]["template"]["spec"]["containers"]
        variables = environment(container)
        found[service] = variables["POSADA_DATABASE_URL"]["value"].partition("@")[0].removeprefix("postgresql://")
    assert found == {service: service for service in SERVICES} | {"payments": "dba"}


@needs_helm
def test_records_are_signed_with_a_secret_that_the_chart_makes_or_is_given() -> None:
    made = of_kind(rendered("small"), "Secret")["r-posada-records"]
    ((name, secret),) = json.loads(base64.b64decode(made["data"]["secrets"])).items()
    assert (name, len(secret)) == ("1", 48)
    assert made["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert not of_kind(rendered("production"), "Secret")
    for values, holds in (("small", "r-posada-records"), ("production", "posada-records")):
        for _, container in containers(rendered(values)):
            if container["args"][0] == "serve":
                variables = environment(container)
                given = variables["POSADA_KAFKA_SECRETS"]["valueFrom"]["secretKeyRef"]
                assert given == {"name": holds, "key": "secrets"}
                assert ("POSADA_SOURCE_SECRETS" in variables) is (container["args"][1] == "payments")
                assert not {"POSADA_KAFKA_RECORDS", "POSADA_GATEWAYS_MUST_SIGN"} & set(variables)
    switched = rendered("small", "--set", "records.trustAccessLists=true", "--set", "records.gatewaysMustSign=true")
    told = [environment(one) for _, one in containers(switched) if one["args"][0] == "serve"]
    assert {one["POSADA_KAFKA_RECORDS"]["value"] for one in told} == {"trust-access-lists"}
    assert {one["POSADA_GATEWAYS_MUST_SIGN"]["value"] for one in told} == {"true"}


@needs_helm
def test_one_database_takes_all_services_by_roles_of_their_own() -> None:
    found = {}
    for _, container in containers(rendered("one-database")):
        if container["args"][0] == "serve":
            found[container["args"][1]] = environment(container)["POSADA_DATABASE_URL"]["value"]
    assert found == {service: f"postgresql://{service}@postgres:5432/posada" for service in SERVICES}


@needs_helm
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("kafka.bootstrap=kafka", "/kafka/bootstrap"),
        ("replicas=3", "replicas"),
        ("services.bookings.x=1", "bookings"),
        ("apiToken.secret=", "apiKeys.secret"),
        ("database.owners.secret=,services.payments.database.owner=dba", "services.payments.database.owner is dba"),
    ],
)
def test_a_value_that_is_wrong_or_unknown_is_refused_by_name(value: str, complaint: str) -> None:
    told = helm("template", "r", str(CHART), "--kube-version", VERSIONS[1], "--set", value)
    assert told.returncode != 0
    assert complaint in told.stderr


@needs_helm
def test_rules_and_dashboards_are_the_files_that_prometheus_and_grafana_read() -> None:
    manifests = rendered("production")
    rules = of_kind(manifests, "PrometheusRule")
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    assert len(files) > 3
    assert [rules[f"r-posada-{file.stem}"]["spec"] for file in files] == [
        yaml.safe_load(file.read_text(encoding="utf-8")) for file in files
    ]
    assert all(rule["metadata"]["labels"]["release"] == "prometheus" for rule in rules.values())
    [monitor] = of_kind(manifests, "ServiceMonitor").values()
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"action": "replace", "targetLabel": "system", "replacement": "posada"}]
    dashboards = of_kind(manifests, "ConfigMap")
    boards = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
    assert len(boards) == len(dashboards) > 2
    for board in boards:
        found = dashboards[f"r-posada-{board.stem}"]
        assert json.loads(found["data"][board.name]) == json.loads(board.read_text(encoding="utf-8"))
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"


@needs_helm
def test_a_service_s_volumes_are_its_own_and_jobs_wait_for_none_of_them() -> None:
    """A claim that one node may mount is held by the copy at work: a job with it would wait, and the upgrade too."""
    for pod, container in containers(rendered("production")):
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert {one["name"] for one in pod["volumes"]} == set(mounted)
        expected = "/var/lib/posada" if container["args"] == ["serve", "payments"] else None
        assert mounted.get("bank") == expected


@needs_helm
def test_migrations_plant_files_from_a_volume_of_their_own() -> None:
    more = (
        *("--set-json", 'migrations.volumes=[{"name": "seeds", "configMap": {"name": "properties"}}]'),
        *("--set-json", 'migrations.volumeMounts=[{"name": "seeds", "mountPath": "/seeds"}]'),
        *("--set", "migrations.seedFolder=/seeds"),
    )
    for pod, container in containers(rendered("small", *more)):
        migrates = container["args"][0] == "migrate"
        assert ("seeds" in {one["name"] for one in pod["volumes"]}) is migrates
        assert ("/seeds" in {one["mountPath"] for one in container["volumeMounts"]}) is migrates
        found = environment(container).get("POSADA_SEED_FOLDER")
        assert found == ({"name": "POSADA_SEED_FOLDER", "value": "/seeds"} if migrates else None)


@needs_helm
def test_jobs_run_where_services_may() -> None:
    where = {
        "nodeSelector": {"pool": "hotel"},
        "tolerations": [{"key": "hotel", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "posada",
    }
    more = [word for name, value in where.items() for word in ("--set-json", f"defaults.{name}={json.dumps(value)}")]
    notes = {"sidecar.istio.io/inject": "false"}
    manifests = rendered("small", *more, "--set-json", f"defaults.podAnnotations={json.dumps(notes)}")
    for pod, _ in containers(manifests):
        assert {name: pod[name] for name in where} == where
    for job in of_kind(manifests, "Job").values():
        assert job["spec"]["template"]["metadata"]["annotations"] == notes


@needs_helm
@pytest.mark.parametrize("instances", [4, 24])
def test_topics_are_made_for_as_many_copies_as_are_wanted(instances: int) -> None:
    job = of_kind(rendered("small", "--set", f"topics.instances={instances}"), "Job")["r-posada-topics"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["topics", "--replication", "1", "--instances", str(instances)]


@needs_helm
def test_values_of_an_older_release_do_for_an_upgrade() -> None:
    """`helm upgrade --reuse-values` brings the old values and none of the new: what they lack is as by default."""
    new = ("database.owners", "apiKeys", "prometheusRule", "dashboards", "topics.instances", "records")
    more = [*new, *(f"migrations.{name}" for name in ("volumes", "volumeMounts", "seedFolder"))]
    more.append("defaults.httpDatabaseConnections")
    words = [word for name in more for word in ("--set", f"{name}=null")]
    assert _without_data(rendered("small", *words)) == _without_data(rendered("small"))


def _without_data(manifests: list[Manifest]) -> list[Manifest]:
    """All but what is drawn by lot each time."""
    return [one | {"data": sorted(one["data"])} if one["kind"] == "Secret" else one for one in manifests]


def test_the_pod_for_commands_is_one_that_kubernetes_accepts_and_services_let_in() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    [given] = re.findall(r"```yaml\n(.+?)```", page, flags=re.DOTALL)
    pod = yaml.safe_load(given)
    for version in VERSIONS:
        kubernetes_validate.validate(pod, version, strict=True)
    names = [one["name"] for one in pod["spec"]["containers"][0]["env"]]
    assert names.index("BOOKING") < names.index("POSADA_BOOKING_DATABASE_URL")
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "posada"


def test_every_value_is_documented_with_its_default() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert set(values["services"]) == set(SERVICES)
    assert list(undocumented(values, schema, schema["definitions"])) == []


def undocumented(values: Manifest, schema: Manifest, definitions: Manifest, path: str = "") -> Iterator[str]:
    """The values that the schema says nothing of, or another default than values.yaml has."""
    for name, value in values.items():
        here = f"{path}{name}"
        told = schema["properties"].get(name, {})
        if not told.get("description"):
            yield f"{here} has no description"
        if "default" in told:
            if told["default"] != (value or told["default"].__class__()):
                yield f"{here} is {value!r}, documented as {told['default']!r}"
        elif "$ref" in told:
            yield from undocumented(value, definitions[told["$ref"].rpartition("/")[2]], definitions, f"{here}.")
        else:
            yield from undocumented(value, told, definitions, f"{here}.")


def test_the_chart_is_of_posada_s_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == chart["version"] == project["project"]["version"]
