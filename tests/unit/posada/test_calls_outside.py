"""Only `posada up` gives services the providers of the shell: demo, storms, measurements, tests write to nobody."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bookings.cluster import measured_cluster
from chaos import __main__ as storms
from posada.cli.run import demo, up
from posada.cluster import cluster as clusters
from posada.cluster.cluster import LocalCluster
from shared.contracts.topics import SERVICES
from shared.settings import ServiceSettings
from tests.support.cluster.not_durable import not_durable_cluster


def own_settings(service: str) -> list[str]:
    """What a service reads that not every service does, as variables."""
    fields = import_module(f"services.{service}.settings").Settings.model_fields
    return [f"POSADA_{name.upper()}" for name in fields if name not in ServiceSettings.model_fields]


def given(cluster: LocalCluster) -> set[str]:
    """Names of variables that the cluster's services get."""
    return {name.upper() for service in SERVICES for name in cluster._environment.of(service, {}, 1, {})}


@pytest.fixture(params=[str.upper, str.lower])
def everything(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A shell that sets every setting of every service."""
    names = {name for service in SERVICES for name in own_settings(service)}
    for name in names:
        monkeypatch.setenv(request.param(name), "set")
    monkeypatch.setenv("POSADA_BATCH_MESSAGES", "7")
    return names


class NotToday(Exception):
    """In place of a start."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[LocalCluster]:
    """The clusters that would have been started."""
    found: list[LocalCluster] = []

    def start(cluster: LocalCluster) -> None:
        found.append(cluster)
        raise NotToday

    monkeypatch.setattr(clusters.LocalCluster, "start", start)
    monkeypatch.setenv("POSADA_API_TOKEN", "as the demo sets it")  # taken back after the test
    return found


def test_the_settings_of_every_provider_are_among_them(everything: set[str]) -> None:
    assert {"POSADA_WATI_URL", "POSADA_TWILIO_ACCOUNT", "POSADA_POSTMARK_TOKEN", "POSADA_FEED_FOLDER"} <= everything
    for service in SERVICES:
        outside = import_module(f"services.{service}.settings").Settings.OUTSIDE
        assert {f"POSADA_{system.needed.upper()}" for system in outside} <= everything


def test_the_demo_writes_to_nobody(everything: set[str], started: list[LocalCluster], tmp_path: Path) -> None:
    with pytest.raises(NotToday):
        demo.demo(tmp_path)
    assert given(started[0]) & everything == {name for name in demo.SERVICES_ENV if name in everything}
    assert "POSADA_BATCH_MESSAGES" in given(started[0])


def test_a_storm_writes_to_nobody(everything: set[str], started: list[LocalCluster]) -> None:
    with pytest.raises(NotToday):
        storms.run_storm(storms.Wish(1, 1, 1, 0))
    own = {name for settings in storms.SERVICE_SETTINGS.values() for name in settings}
    assert given(started[0]) & everything <= own


@pytest.mark.parametrize("made", [measured_cluster, not_durable_cluster])
def test_measurements_and_tests_write_to_nobody(made: Any, everything: set[str], tmp_path: Path) -> None:
    assert not given(made(tmp_path)) & everything


def test_up_calls_the_providers_of_the_shell(everything: set[str], started: list[LocalCluster], tmp_path: Path) -> None:
    with pytest.raises(NotToday):
        up.up(tmp_path)
    assert everything <= given(started[0])
