"""What went wrong, in one sentence with its remedy; and the exit codes that scripts may rely on."""

from __future__ import annotations

from enum import IntEnum

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from shared.errors import TablesBusy, described


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    NO = 1  # the answer is no: refused, failed, stale, not as scripted
    USAGE = 2
    TIMED_OUT = 3
    UNAVAILABLE = 4  # something that the command needs is missing, broken or not there
    INTERRUPTED = 130


class Problem(Exception):
    """A command cannot go on: one sentence for people, and the exit code."""

    def __init__(self, text: str, code: Exit = Exit.UNAVAILABLE) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def problem_of(error: Exception) -> Problem:
    """The problem behind an error of a library or the system."""
    for kind, say in _SAID:
        if isinstance(error, kind):
            return Problem(say(error))
    return Problem(f"{described(error)}; set POSADA_DEBUG=1 to see where.")


def _settings(error: Exception) -> str:
    assert isinstance(error, ValidationError)  # noqa: S101
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    name = ".".join(map(str, first["loc"]))
    if not name:  # settings that do not fit each other: the sentence names them
        return f"{said}; correct it and try again."
    subject = f"POSADA_{name.upper()}" if error.title.endswith("Settings") else f"{error.title}: {name}"
    return f"{subject}: {said}; correct it and try again."


def _kafka(error: Exception) -> str:
    return f"Kafka does not do what it is asked ({described(error)}): start it with `posada up`, or see --bootstrap."


def _database(error: Exception) -> str:
    return f"The database refused ({described(error)}): see POSADA_DATABASE_URL."


def _system(error: Exception) -> str:
    assert isinstance(error, OSError)  # noqa: S101
    if error.filename:
        return f"{error.filename}: {error.strerror}; name another file or folder."
    return f"{described(error)}: see that the servers run and their addresses are right."


def _own_words(error: Exception) -> str:
    return str(error)


def _part_failed() -> tuple[type[Exception], ...]:
    try:
        from deploy.local.processes.process import BackendFailed  # noqa: PLC0415  # needs the dependency group `local`
    except ImportError:
        return ()
    return (BackendFailed,)


_SAID = (
    (ValidationError, _settings),
    (TablesBusy, _own_words),
    (_part_failed(), _own_words),
    (KafkaError, _kafka),
    (asyncpg.PostgresError, _database),
    (OSError, _system),
    (ValueError, _own_words),
)
