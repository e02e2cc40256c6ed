"""Fetches Kafka's jars once, each checked against the list in kafka-jars.txt; run as a module it renews the list."""

import hashlib
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.local.processes.process import BackendFailed

# One of the jars of 4.4.0 can't be had: stay here until a later version resolves.
KAFKA_VERSION: Final = "4.3.0"
# slf4j-simple because Kafka logs nothing without a binding, and this one needs no configuration file.
COORDINATES: Final = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
LOCK: Final = Path(__file__).with_name("kafka-jars.txt")
SIZE_MB: Final = 45
AT_ONCE: Final = 8  # one after the other takes half a minute
ATTEMPTS: Final = 3


@dataclass(frozen=True)
class Jar:
    """One locked jar: Maven coordinates and the SHA-256 of its content."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def kafka_jars(on_progress: Callable[[str], None]) -> list[Path]:
    """The jars that make a Kafka broker, in a folder of the user's cache; the missing ones are fetched.

    Raises BackendFailed when a jar can't be fetched or isn't the one that the list names.
    """
    folder = cache_folder()
    jars = locked_jars()
    missing = [jar for jar in jars if not (folder / jar.filename).exists()]
    if missing:
        on_progress(f"fetching Kafka {KAFKA_VERSION} (first time, {SIZE_MB} MB)")
        fetch(missing, folder, download_with_jgo)
    return [folder / jar.filename for jar in jars]


def cache_folder() -> Path:
    """Where the jars are kept, under XDG_CACHE_HOME or ~/.cache."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "posada" / f"kafka-{KAFKA_VERSION}"


def locked_jars() -> list[Jar]:
    """The content of the list: one jar a line, its checksum and its coordinates."""
    lines = [line.split() for line in LOCK.read_text(encoding="utf-8").splitlines()]
    return [Jar(sha256, *coordinate.split(":")) for sha256, coordinate in lines]


def fetch(jars: Sequence[Jar], folder: Path, download: Callable[[Jar, Path], Path]) -> None:
    """Put the jars into `folder`, each whole or not at all; `download` gets a jar into a folder that it is given.

    Raises BackendFailed as `kafka_jars` does; the jars that did come are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # jgo keeps a download that broke off for a good one and only warns about a wrong checksum: fetch beside the
    # cache, check, then move each jar into place.
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside, ThreadPoolExecutor(AT_ONCE) as pool:
        fetched = pool.map(lambda jar: _fetch_one(jar, folder, Path(beside), download), jars)
        deque(fetched, maxlen=0)  # the first failure is raised here


def _fetch_one(jar: Jar, folder: Path, beside: Path, download: Callable[[Jar, Path], Path]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            checked(jar, download(jar, beside / str(attempt))).replace(folder / jar.filename)
        except Exception as error:  # whatever jgo and its HTTP client raise
            problem = error
        else:
            return
    raise BackendFailed(f"Kafka's {jar.filename} could not be fetched ({ATTEMPTS} attempts): {problem}")


def download_with_jgo(jar: Jar, repository: Path) -> Path:
    """Download one jar from where jgo gets them into a repository folder."""
    maven = _maven(repository)
    return Path(maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())


def checked(jar: Jar, file: Path) -> Path:
    """The file, when its content is the one that the list names; raises BackendFailed otherwise."""
    if _sha256(file) != jar.sha256:
        raise BackendFailed(f"{jar.filename} is not the file that {LOCK.name} names")
    return file


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _maven(repository: Path) -> Any:
    from jgo.maven import MavenContext  # noqa: PLC0415  # half a second, wanted only when something is fetched

    return MavenContext(repo_cache=repository)


def write_lock() -> None:
    """Resolve the coordinates afresh and write the list; what is fetched now is what is trusted from then on."""
    import jgo  # noqa: PLC0415  # see _maven

    with tempfile.TemporaryDirectory() as beside:
        maven = _maven(Path(beside))
        lines = []
        for found in jgo.resolve(COORDINATES):
            file = maven.project(found.groupId, found.artifactId).at_version(found.version).artifact().resolve()
            lines.append(f"{_sha256(file)} {found.groupId}:{found.artifactId}:{found.version}\n")
    LOCK.write_text("".join(lines), encoding="utf-8")
    sys.stdout.write(f"{len(lines)} jars\n")


if __name__ == "__main__":
    write_lock()
