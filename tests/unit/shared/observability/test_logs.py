"""What a log line looks like in production."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from shared.observability.logs import RepeatedLineFilter

TRACE = "0af7651916cd43dd8448eb211c80319c"
PROGRAM = f"""
import logging
import structlog
from shared.observability.logs import log_context, set_up_logs
set_up_logs("notes", as_json=True)
log = structlog.get_logger()
with log_context("b1", "00-{TRACE}-b7ad6b7169203331-01"):
    log.info("ours")
    logging.getLogger("theirs").warning("theirs")
log.info("apart")
"""


def test_lines_name_booking_and_trace_of_what_is_in_hand() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    ours, theirs, apart = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["booking"], line["trace"], line["service"]) for line in (ours, theirs)] == [
        ("b1", TRACE, "notes")
    ] * 2
    assert "booking" not in apart


def line(name: str, at: float, msg: str = "no node %s", args: Any = (1,)) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.ERROR, "", 0, msg, args, None)
    record.created = at
    return record


def test_what_a_library_repeats_is_said_seldom_and_counted() -> None:
    seldom = RepeatedLineFilter("aiokafka", seconds=10)
    lines = [line("aiokafka.conn", at / 10, args=(at,)) for at in range(250)]  # 25 seconds of an outage

    said = [one.getMessage() for one in lines if seldom.filter(one)]

    assert said == ["no node 0", "no node 100 (and 99 times more before)", "no node 200 (and 99 times more before)"]


def test_another_thing_and_another_library_are_said_at_once() -> None:
    seldom = RepeatedLineFilter("aiokafka", seconds=10)
    others = [line("aiokafka.conn", 0), line("aiokafka.conn", 1, "gone"), line("aiokafka.group", 1)]
    ours = [line("uvicorn.error", 1), line("uvicorn.error", 1)]

    assert all(seldom.filter(one) for one in [*others, *ours])


FAULTS = """
import asyncpg, httpx, logging, structlog
from shared.observability.logs import set_up_logs
set_up_logs("notes", level="DEBUG", as_json={as_json})
ADDRESS = "https://ana:pass@hooks.example/T0/s3cret?token=s3cret"

def fail():
    try:
        raise asyncpg.DataError("invalid input: 'ana@example.com'")
    except asyncpg.DataError as first:
        raise httpx.HTTPError(f"Client error '401' for url '{{ADDRESS}}'") from first

for log in (logging.getLogger("uvicorn.error"), structlog.get_logger()):
    try:
        fail()
    except httpx.HTTPError:
        log.exception("Exception in ASGI application")
logging.getLogger("theirs").warning("POST %s and /webhooks/wati?token=s3cret", ADDRESS)
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_faults_are_told_with_their_place_and_without_addresses_or_rows(as_json: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(as_json=as_json)], capture_output=True, text=True, check=True
    )
    told = done.stderr
    assert told.count("HTTPError: Client error '401' for url 'https://hooks.example/…'") == 2
    assert told.count("DataError: 22000") == 2
    assert told.count("in fail") == 4
    assert "POST https://hooks.example/… and /webhooks/wati?…" in told
    for secret in ("s3cret", "ana", "pass@"):
        assert secret not in told
