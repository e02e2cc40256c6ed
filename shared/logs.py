"""Structured logs: JSON lines in production, readable ones in a terminal; never personal data."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog


def set_up_logs(service: str, *, level: str = "INFO", as_json: bool | None = None) -> None:
    """Route structlog and the standard library through one formatter that stamps every line with the service.

    `as_json` None means: JSON unless a person is looking at a terminal.
    """
    use_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_final(service, use_json))
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "alembic.runtime", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _final(service: str, use_json: bool) -> list[Any]:
    def stamp(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        return event

    last: list[Any] = [stamp, structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if use_json:
        return [*last, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    return [*last, structlog.dev.ConsoleRenderer()]


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
