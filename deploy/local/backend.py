"""What every backend (a Kafka or PostgreSQL server) can do, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

Progress = Callable[[str], None]
# Says which backends to run on, whatever else is there: given, docker or embedded.
BACKENDS_VARIABLE: Final = "POSADA_PARTS"


def silent(_: str) -> None:
    """Report no progress."""


class Backend(ABC):
    """A server that is started and stopped; as a context manager it runs inside the block."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What runs, for people."""

    @abstractmethod
    def start(self) -> None:
        """Start the server and return when it answers; does nothing when it runs. Raises BackendFailed."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server cleanly; does nothing when it does not run."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves clients now."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class OwnBackend(Backend):
    """A server that is ours, so that faults may be injected: a crash or a freeze, and the way back."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether it runs, frozen or not."""

    @abstractmethod
    def kill(self) -> None:
        """End it as a crash would; `start()` brings it back on the same port with all that it acknowledged."""

    @abstractmethod
    def freeze(self) -> None:
        """Let it stand still, with its connections open, until `thaw()`."""

    @abstractmethod
    def thaw(self) -> None:
        """Let it go on."""


class KafkaBackend(Backend):
    """A Kafka broker."""

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """The address for clients, as host:port; known once started."""
