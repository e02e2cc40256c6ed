"""The secrets that a local cluster signs Kafka records with: one file each, readable by its owner alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shared.messages.record_auth import Seal, Sender

FOLDER: Final = "secrets"
RECORDS, GATEWAY, SOURCE = "records-", "gateway-", "source-"
CHAT, BANK = "chat", "bank"
FIRST: Final = (f"{RECORDS}1", f"{GATEWAY}{CHAT}", f"{SOURCE}{BANK}")
_VARIABLES: Final = {
    "POSADA_KAFKA_SECRETS": RECORDS,
    "POSADA_GATEWAY_SECRETS": GATEWAY,
    "POSADA_SOURCE_SECRETS": SOURCE,
}


@dataclass(frozen=True, slots=True)
class ClusterSecrets:
    """The secrets of a cluster's services: the environment's where it has any, else those of files.

    A file `records-ID` holds a secret of the installation, the last by name signs; `gateway-NAME` and `source-NAME`
    hold one or two of a sender, one a line.
    """

    environment: Mapping[str, str]

    @classmethod
    def kept(cls, data_dir: Path, environ: Mapping[str, str]) -> Self:
        """Those in the folder, made where they are not there yet. Raises OSError where it cannot be written."""
        folder = data_dir / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in FIRST:
            if not any(folder.glob(f"{name.partition('-')[0]}-*")):
                file = folder / name
                file.touch(mode=0o600)
                file.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
        files = {file.name: file.read_text(encoding="utf-8").split() for file in sorted(folder.iterdir())}
        found = {variable: _json(files, beginning) for variable, beginning in _VARIABLES.items()}
        return cls(found | {variable: environ[variable] for variable in _VARIABLES if environ.get(variable)})

    @property
    def installation(self) -> dict[str, str]:
        """The secrets of our own programs, by key id."""
        found: dict[str, str] = json.loads(self.environment["POSADA_KAFKA_SECRETS"])
        return found

    def seal(self) -> Seal:
        """What our own programs sign with."""
        return Seal(self.installation)

    def source(self, name: str = BANK) -> Sender:
        """A source of money. Raises KeyError where it has no secret."""
        return self._sender("POSADA_SOURCE_SECRETS", name)

    def gateway(self, name: str = CHAT) -> Sender:
        """A gateway. Raises KeyError where it has no secret."""
        return self._sender("POSADA_GATEWAY_SECRETS", name)

    def _sender(self, variable: str, name: str) -> Sender:
        return Sender(name, json.loads(self.environment[variable])[name][-1])


def _json(files: Mapping[str, list[str]], beginning: str) -> str:
    found = {name.removeprefix(beginning): lines for name, lines in files.items() if name.startswith(beginning)}
    return json.dumps(found if beginning != RECORDS else {name: lines[0] for name, lines in found.items()})
