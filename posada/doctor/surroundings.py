"""Looks at what surrounds the services: their settings, providers outside, folders and disks."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from posada.doctor.findings import Finding, broken, fine, worth_a_look
from posada.problems import problem_of
from shared.errors import described
from shared.settings import ServiceSettings

SECONDS = 5.0
GIB = 2**30
LEAST_GIB = 1
LEAST_SHARE = 0.1


def settings_of(service: str) -> tuple[ServiceSettings | None, Finding]:
    """The settings that this environment makes for a service, and what is to be said of them."""
    about = f"settings of {service}"
    try:
        settings: ServiceSettings = import_module(f"services.{service}.settings").Settings()
    except (ValidationError, ValueError) as wrong:
        return None, broken(about, "contradict themselves", problem_of(wrong).text)
    if not settings.asks_for_token:
        remedy = "set POSADA_API_KEYS, or POSADA_API_TOKEN for a small installation"
        return settings, worth_a_look(about, "ask for no token: nobody may write, and loopback may read", remedy)
    return settings, fine(about, "are complete")


def providers(service: str, settings: Any) -> Iterator[Finding]:
    """Whether each provider that is configured can be reached from here."""
    used = [system for system in settings.OUTSIDE if getattr(settings, system.needed)]
    for system in used:
        yield _reached(f"{system.name} for {service}", *system.address(settings))
    if service == "notifications" and not used:
        remedy = "set a provider's settings, see docs/notifications.md; until then read it with `posada outbox`"
        yield worth_a_look("providers of notifications", "are none: every message stays in the local outbox", remedy)
    if folder := getattr(settings, "feed_folder", None):
        yield readable(folder)


def _reached(about: str, host: str, port: int) -> Finding:
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as fault:
        remedy = "see its address, the name server, and what this machine may reach"
        return broken(about, f"{host}:{port} is not reached: {described(fault)}", remedy)
    return fine(about, f"{host}:{port} is reached")


def readable(folder: Path) -> Finding:
    """Whether the folder of bank files can be read."""
    about = f"folder {folder}"
    if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK):
        return fine(about, "can be read")
    return broken(about, "cannot be read", "make it, let the service's user read it, or change POSADA_FEED_FOLDER")


def disk(folder: Path) -> Finding:
    """How much room there is where this Posada keeps its data, or else here."""
    there = next(one for one in (folder, *folder.resolve().parents) if one.exists())
    usage = shutil.disk_usage(there)
    about, left = f"disk of {there}", f"{usage.free / GIB:.1f} GiB are free, {usage.free / usage.total:.0%}"
    if usage.free < LEAST_GIB * GIB:
        return broken(about, left, "make room: Kafka and PostgreSQL stop when it is full")
    if usage.free < LEAST_SHARE * usage.total:
        return worth_a_look(about, left, "make room, or shorten the topics' retention")
    return fine(about, left)
