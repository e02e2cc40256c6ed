"""Ports and secrets stay the same as long as their folder does."""

import socket
from pathlib import Path

import pytest

from deploy.local.processes.folders import LOOPBACK, PORTS, KeptSecret, kept_ports
from deploy.local.processes.process import BackendFailed


def test_ports_are_kept_free_and_different(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"

    ports = kept_ports(file, {"broker": None, "controller": None})

    assert ports["broker"] != ports["controller"]
    assert all(port in PORTS for port in ports.values())
    assert kept_ports(file, {"broker": None, "controller": None}) == ports


def test_a_taken_port_is_replaced_and_the_other_kept(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    ports = kept_ports(file, {"broker": None, "controller": None})

    with socket.create_server((LOOPBACK, ports["broker"])):
        new = kept_ports(file, {"broker": None, "controller": None})

    assert new["broker"] != ports["broker"]
    assert new["controller"] == ports["controller"]
    assert kept_ports(file, {"broker": None, "controller": None}) == new


def test_a_port_that_was_asked_for_is_used_or_refused(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BackendFailed, match=f"port {port} .* is taken"):
            kept_ports(tmp_path / "ports.json", {"broker": port})

    assert kept_ports(tmp_path / "ports.json", {"broker": port}) == {"broker": port}


def test_passwords_differ_by_role_and_folder_and_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "one" / "secret"
    password = KeptSecret(file).password("booking")

    assert KeptSecret(file).password("booking") == password
    assert KeptSecret(file).password("payments") != password
    assert KeptSecret(tmp_path / "other").password("booking") != password
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["secret"]
