"""Structured logs: JSON lines in production, readable lines in a terminal; without personal data."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any

import orjson
import structlog

from shared.errors import traced
from shared.observability.tracing import trace_id
from shared.safety.masking import without_links
from shared.safety.printable import one_line, printable

# A booking's id and a traceparent. structlog's own context would be copied for every message.
_subject: ContextVar[tuple[str, str] | None] = ContextVar("subject", default=None)


class log_context:  # noqa: N801 — used as a function; a generator would take three times as long for every message
    """Add booking and trace, as far as they are known, to every log line within.

    `booking` is an id of ours. A client's own id could be personal data.
    """

    __slots__ = ("_subject", "_token")

    def __init__(self, booking: str, traceparent: str) -> None:
        self._subject = (booking, traceparent)

    def __enter__(self) -> None:
        self._token = _subject.set(self._subject)

    def __exit__(self, *_: object) -> None:
        _subject.reset(self._token)


def add_subject(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """The processor that adds booking and trace to a line."""
    booking, traceparent = _subject.get() or ("", "")
    if booking:
        event.setdefault("booking", booking)
    if trace := trace_id(traceparent):
        event.setdefault("trace", trace)
    return event


def set_up_logs(service: str, *, level: str = "INFO", as_json: bool | None = None) -> None:
    """Write our own log lines and those of libraries to standard error in one form, with the service's name.

    `as_json` None means JSON unless standard error is a terminal. Our own lines bypass the standard library, as there
    is one for every message handled.
    """
    use_json = not sys.stderr.isatty() if as_json is None else as_json
    stamped: list[Any] = [add_subject, _stamp(service), structlog.processors.add_log_level, _TIME]
    last = _JSON if use_json else _READABLE
    structlog.configure(
        processors=[*stamped, *last],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer) if use_json else _print_to_stderr,
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=True,
    )
    _set_up_libraries(stamped, level, use_json=use_json)


def _set_up_libraries(stamped: list[Any], level: str, *, use_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    last: list[Any] = [_cut_links, *([_describe_fault, _as_text] if use_json else _READABLE)]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=stamped, processors=[clean, *last]))
    handler.addFilter(RepeatedLineFilter("aiokafka"))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "alembic.runtime", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class RepeatedLineFilter(logging.Filter):
    """Passes the same line of a library once in `seconds`, with how often it was repeated.

    While a broker is away, aiokafka logs some thirty lines a second, among which nothing else can be found.
    """

    def __init__(self, library: str, seconds: float = 10.0) -> None:
        super().__init__()
        self._library = library
        self._seconds = seconds
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it now; lines that differ only in their arguments are the same."""
        if record.name.partition(".")[0] != self._library:
            return True
        key = (record.name, str(record.msg))
        logged_at, repeated = self._logged.get(key, (float("-inf"), 0))
        if record.created - logged_at < self._seconds:
            self._logged[key] = (logged_at, repeated + 1)
            return False
        self._logged[key] = (record.created, 0)
        if repeated:
            record.msg, record.args = f"{record.getMessage()} (and {repeated} times more before)", ()
        return True


def _stamp(service: str) -> Any:
    def stamp(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        return event

    return stamp


def _describe_fault(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Add a traceback with described faults: a library's own text may quote an address or a row."""
    given = event.pop("exc_info", None)
    fault = (
        given if isinstance(given, BaseException) else (sys.exc_info() if given is True else given or (None,) * 3)[1]
    )
    if fault is not None:
        event["exception"] = traced(fault)
    return event


def _cut_links(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    event["event"] = without_links(str(event["event"]))
    return event


def _make_printable(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Make all values safe for a terminal, and all but tracebacks one line."""
    several_lines = {"exception": printable, "stack": printable}
    return {
        name: value if isinstance(value, int | float | None) else several_lines.get(name, one_line)(str(value))
        for name, value in event.items()
    }


def _as_bytes(_: Any, __: str, event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, default=str)


def _as_text(_: Any, __: str, event: dict[str, Any]) -> str:
    return orjson.dumps(event, default=str).decode()


def _print_to_stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
_JSON: list[Any] = [_describe_fault, _as_bytes]
_READABLE: list[Any] = [_describe_fault, _make_printable, structlog.dev.ConsoleRenderer()]
