"""Blows between services and servers: lines that are torn, slow or mute, and a database whose disk is full."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from chaos.faults.plan import Fault
from chaos.faults.tcp_proxy import TcpProxies

SLOW_S: Final = 0.25  # the most that a piece of data is late by
CONNECT_S: Final = 10


async def tear(lines: TcpProxies, blow: Fault) -> int:
    """End every connection of a line with what is under way on it; returns how many."""
    return await asyncio.to_thread(lines.tear, blow.target)


async def slow(lines: TcpProxies, blow: Fault) -> int:
    """Let each piece of data be late on a line for a while, both ways; returns how many connections have it."""
    several = await asyncio.to_thread(lines.slow, blow.target, SLOW_S, blow.seed)
    try:
        await asyncio.sleep(blow.lasts)
    finally:
        await asyncio.to_thread(lines.slow, blow.target, 0.0, blow.seed)
    return several


async def mute(lines: TcpProxies, blow: Fault) -> int:
    """Let nothing through a line that stays up, and then end its connections; returns how many."""
    await asyncio.to_thread(lines.mute, blow.target, silent=True)
    try:
        await asyncio.sleep(blow.lasts)
    finally:
        torn = await asyncio.to_thread(lines.mute, blow.target, silent=False)
    return torn


async def fill(admin_url: str, blow: Fault) -> None:
    """Let the databases be read only for a while, as providers make them when a disk is full.

    A disk that is really full would take root, and a file system of its own.
    """
    await _administer(admin_url, "ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        await asyncio.sleep(blow.lasts)
    finally:
        await _administer(admin_url, "ALTER SYSTEM RESET default_transaction_read_only")


async def _administer(admin_url: str, statement: str) -> None:
    connection = await asyncpg.connect(admin_url, timeout=CONNECT_S)
    try:
        await connection.execute(statement)
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
