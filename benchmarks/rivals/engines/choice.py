"""The rivals: what is started for each, with which settings, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.rivals.run import install
from benchmarks.rivals.run.place import Place
from benchmarks.rivals.run.ports import free_ports

_ASYNC: Final = ("--interface", "asgi", "--http", "1", "--loop", "uvloop", "--workers", "1")
_HTTP2: Final = (
    *("--interface", "asgi", "--http", "2", "--loop", "uvloop", "--workers", "1"),
    *("--http2-max-concurrent-streams", "2000"),
)
_THREADS: Final = ("--interface", "wsgi", "--http", "1", "--workers", "1", "--blocking-threads", "32")
# Its server looks at each of its queues at most so often a second; as delivered, that is 50 ms for every hop.
_TEMPORAL_QUEUES: Final = ("transfer", "timer", "visibility", "archival", "outbound")


def no_headers(_request: Mapping[str, Any]) -> Mapping[str, str]:
    """Where the request's own id is enough."""
    return {}


def by_request(request: Mapping[str, Any]) -> Mapping[str, str]:
    """Restate knows a repetition by this header."""
    return {"idempotency-key": request["request_id"]}


@dataclass(frozen=True)
class Running:
    """How bookings reach a rival that runs."""

    ports: tuple[int, ...]
    path: str = "/bookings"
    headers: Callable[[Mapping[str, Any]], Mapping[str, str]] = no_headers


@dataclass(frozen=True)
class Rival:
    """One engine: its name, whether a crash leaves its sagas to go on, why it can't run here, and how it is started."""

    key: str
    title: str
    durable: bool
    missing: Callable[[], str | None]
    start: Callable[[Place], Running]


def _plain(place: Place) -> Running:
    (port,) = free_ports(1)
    process = place.granian("plain", "benchmarks.rivals.engines.plain:app", port, *_ASYNC)
    place.answering(process, f"http://127.0.0.1:{port}/")
    return Running((port,))


def _dbos(place: Place) -> Running:
    ports = free_ports(2)
    for number, port in enumerate(ports):
        env = {"HOTEL_DBOS_SYSTEM_DATABASE_URL": place.engine_url, "HOTEL_DBOS_EXECUTOR": f"front-{number}"}
        process = place.granian(f"dbos-{number}", "benchmarks.rivals.engines.dbos_hotel:app", port, *_THREADS, env=env)
        # One after the other: the first makes the engine's tables.
        place.answering(process, f"http://127.0.0.1:{port}/")
    return Running(ports)


def _restate(place: Place) -> Running:
    ingress, admin, node, service = free_ports(4)
    env = {
        "RESTATE_BASE_DIR": str(place.folder / "restate-data"),
        "RESTATE_DEFAULT_NUM_PARTITIONS": "1",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
        "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{node}",
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_LOG_FILTER": "warn",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    server = place.process("restate", [str(install.RESTATE)], env)
    hotel = place.granian("restate-hotel", "benchmarks.rivals.engines.restate_hotel:app", service, *_HTTP2)
    place.answering(server, f"http://127.0.0.1:{admin}/health")
    place.listening(hotel, service)
    place.answering(server, f"http://127.0.0.1:{admin}/deployments", {"uri": f"http://127.0.0.1:{service}"})
    return Running((ingress,), "/Hotel/book", by_request)


def _temporal(activities: str, place: Place) -> Running:
    server_port, front = free_ports(2)
    settings = {
        **{f"history.{queue}ProcessorMaxPollRPS": "100000" for queue in _TEMPORAL_QUEUES},
        "system.enableActivityEagerExecution": "true",
        "system.enableEagerWorkflowStart": "true",
    }
    argv = [
        *(str(install.TEMPORAL), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(server_port)),
        *("--db-filename", str(place.folder / "temporal.db"), "--log-level", "error"),
        *(part for name, value in settings.items() for part in ("--dynamic-config-value", f"{name}={value}")),
    ]
    server = place.process("temporal", argv)
    place.listening(server, server_port)
    env = {"HOTEL_TEMPORAL": f"127.0.0.1:{server_port}", "HOTEL_TEMPORAL_ACTIVITIES": activities}
    worker = place.granian("temporal-worker", "benchmarks.rivals.engines.temporal_hotel:app", front, *_ASYNC, env=env)
    place.answering(worker, f"http://127.0.0.1:{front}/")
    return Running((front,))


RIVALS: Final = (
    Rival("plain", "plain asyncpg", False, install.plain_missing, _plain),
    Rival("dbos", "DBOS", True, install.dbos_missing, _dbos),
    Rival("restate", "Restate", True, install.restate_missing, _restate),
    Rival("temporal", "Temporal", True, install.temporal_missing, partial(_temporal, "remote")),
    Rival("temporal-local", "Temporal, local activities", True, install.temporal_missing, partial(_temporal, "local")),
)
