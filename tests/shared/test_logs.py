"""What a log line looks like in production."""

from __future__ import annotations

import json
import subprocess
import sys

TRACE = "0af7651916cd43dd8448eb211c80319c"
PROGRAM = f"""
import logging
import structlog
from shared.logs import set_up_logs, speaking_of
set_up_logs("notes", as_json=True)
log = structlog.get_logger()
with speaking_of("b1", "00-{TRACE}-b7ad6b7169203331-01"):
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
