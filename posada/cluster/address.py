"""Where a running Posada is found: a small file in its data folder that only its owner can read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, ValidationError

from posada.problems import Problem
from shared.safety.files import Folder, RefusedFile, opened_folder

FILE: Final = "posada.json"
TARGETS: Final = "prometheus.json"
MOST_BYTES: Final = 1_000_000


class Address(BaseModel):
    """A running Posada: its supervisor's pid, its broker, and of each service the HTTP addresses and database.

    `kafka_secrets` sign its records, by key id; `clock_file` is that of its business clock, where tests may move it.
    """

    pid: int
    kafka_bootstrap: str
    http: dict[str, list[str]]
    database_urls: dict[str, str]
    kafka_secrets: dict[str, str] = Field(default_factory=dict, repr=False)
    clock_file: Path | None = None

    def write(self, folder: Path) -> None:
        """Put the file into `folder`, whole or not at all; its passwords are readable by the owner only."""
        handle, fresh = tempfile.mkstemp(dir=folder)  # made with mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(self.model_dump_json(indent=2))
        Path(fresh).replace(folder / FILE)


def write_targets(folder: Path, http: Mapping[str, Sequence[str]]) -> None:
    """Tell Prometheus where to look: a list of targets for its file_sd_configs, a job for each service."""
    groups = [
        {"targets": [url.removeprefix("http://") for url in urls], "labels": {"job": service}}
        for service, urls in http.items()
    ]
    (folder / TARGETS).write_text(json.dumps(groups, indent=2) + "\n", encoding="ascii")


def forget(folder: Path) -> None:
    """Remove what was written."""
    for name in (FILE, TARGETS):
        (folder / name).unlink(missing_ok=True)


def find(folder: Path) -> Address | None:
    """The Posada that runs on `folder`; None when none does.

    Raises:
        Problem: when others may have written there: they would be sent the token of whoever asks.
    """
    with suppress(OSError, ValidationError):
        with opened_folder(folder) as held:
            content = held.open(FILE, MOST_BYTES).stream.read()
            _check_ours(held, folder)  # the one that was read, whatever the path leads to by now
        address = Address.model_validate_json(content)
        if _lives(address.pid):
            return address
    return None


def check_ours(folder: Path) -> None:
    """Raise Problem for a data folder that others own, or may write into."""
    with opened_folder(folder) as held:
        _check_ours(held, folder)


def _check_ours(held: Folder, folder: Path) -> None:
    try:
        held.check_own(folder)
    except RefusedFile as refused:
        raise Problem(f"{refused}.") from refused


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
