"""A process of its own that publishes what it is given on standard input, all at the moment it is told to.

Run as `python -m tests.support.cluster.publisher BOOTSTRAP`: each line is a JSON list of topic, key (or null), body
and headers (as text), then a line `go`. It writes `ready` once it is connected, and ends when the broker has all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from posada.cluster.cluster import LocalCluster
from tests.support.cluster.signing import signed_headers
from tests.support.paths import ROOT

Line = tuple[str, str | None, str]


async def main(bootstrap: str) -> None:
    """Read lines until `go`, then publish them at once."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        lines = [json.loads(line) for line in iter(sys.stdin.readline, "go\n")]
        await asyncio.gather(
            *[
                producer.send_and_wait(
                    topic,
                    body.encode(),
                    key and key.encode(),
                    headers=[(name, text.encode()) for name, text in headers],
                )
                for topic, key, body, headers in lines
            ]
        )
    finally:
        await producer.stop()


@asynccontextmanager
async def publishers(cluster: LocalCluster, shares: Sequence[Sequence[Line]]) -> AsyncIterator[None]:
    """Publish each share from a process of its own, all at once; they have ended when the block begins."""
    processes = [await _started(cluster.kafka_bootstrap) for _ in shares]
    try:
        for process, share in zip(processes, shares, strict=True):
            assert process.stdin is not None
            process.stdin.write("".join(json.dumps(_signed(cluster, line)) + "\n" for line in share).encode())
            await process.stdin.drain()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            await process.stdin.drain()
        async with asyncio.timeout(30):
            assert [await process.wait() for process in processes] == [0] * len(processes)
        yield
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _signed(cluster: LocalCluster, line: Line) -> list[Any]:
    topic, key, body = line
    headers = signed_headers(cluster.secrets, topic, key.encode() if key else None, body.encode(), ())
    return [*line, [(name, value.decode()) for name, value in headers]]


async def _started(bootstrap: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.cluster.publisher",
        bootstrap,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"ready\n"
    return process


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
