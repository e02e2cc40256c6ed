"""Structured logs: JSON lines in production, readable ones in a terminal; never personal data."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog


def set_up_logs(service: str, *, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send our own lines and those of libraries to standard error in one form, stamped with the service.

    `as_json` None means: JSON unless a person is looking at a terminal. Ours take the short way past the standard
    library, for there is one with every message handled.
    """
    use_json = not sys.stderr.isatty() if as_json is None else as_json
    stamped: list[Any] = [_stamp(service), structlog.processors.add_log_level, _TIME]
    last = _JSON if use_json else _READABLE
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *stamped, *last],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer) if use_json else _print_to_stderr,
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=True,
    )
    _set_up_libraries(stamped, level, use_json=use_json)


def _set_up_libraries(stamped: list[Any], level: str, *, use_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    last = [structlog.processors.format_exc_info, _as_text] if use_json else _READABLE
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=stamped, processors=[clean, *last]))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "alembic.runtime", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _stamp(service: str) -> Any:
    def stamp(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        return event

    return stamp


def _as_bytes(_: Any, __: str, event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, default=str)


def _as_text(_: Any, __: str, event: dict[str, Any]) -> str:
    return orjson.dumps(event, default=str).decode()


def _print_to_stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
_JSON: list[Any] = [structlog.processors.format_exc_info, _as_bytes]
# Plain tracebacks: rich ones print local variables, and personal data with them.
_READABLE: list[Any] = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
