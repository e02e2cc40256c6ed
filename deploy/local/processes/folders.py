"""What a backend keeps in its folder between two runs: its ports, its secret, and a lock for whoever starts it."""

import fcntl
import hashlib
import hmac
import json
import os
import random
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from deploy.local.processes.process import BackendFailed

LOOPBACK: Final = "127.0.0.1"
# Below the range that Linux gives to outgoing connections (from 32768): a client that reconnects while a server is
# down may be given the server's own port, and then the server can't come back.
PORTS: Final = range(20_000, 30_000)


@contextmanager
def only_one_starts(folder: Path) -> Iterator[None]:
    """Hold the right to set up and start what lives in `folder`; a second holder waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kept_ports(file: Path, wanted: Mapping[str, int | None]) -> dict[str, int]:
    """A free TCP port of the loopback address for each name: the one asked for, else last time's, else a new one.

    The choice is kept in `file`. Raises BackendFailed when a port that was asked for is taken.
    """
    last: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    ports: dict[str, int] = {}
    for name, port in wanted.items():
        ports[name] = _port(port, last.get(name), taken=set(ports.values()))
    if ports != last:
        file.write_text(json.dumps(ports), encoding="utf-8")
    return ports


def _port(asked: int | None, last: int | None, taken: set[int]) -> int:
    if asked is not None:
        if not is_free(asked):
            raise BackendFailed(f"port {asked} of {LOOPBACK} is taken: give another, or none to have one chosen")
        return asked
    if last is not None and last not in taken and is_free(last):
        return last
    return next(port for port in random.sample(PORTS, len(PORTS)) if port not in taken and is_free(port))


def is_free(port: int) -> bool:
    """Whether a server could listen on the TCP port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections don't count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class KeptSecret:
    """A random secret in a file that only its owner reads; every password is derived from it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def password(self, role: str) -> str:
        """The password of a role: 32 hexadecimal digits, the same as long as the file is kept."""
        return hmac.new(self._bytes(), role.encode(), hashlib.sha256).hexdigest()[:32]

    def _bytes(self) -> bytes:
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=self._file.parent)  # readable by its owner only
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):  # someone else was first: theirs counts
                os.link(fresh, self._file)
            Path(fresh).unlink()
        return self._file.read_bytes()
