"""Faults between services and servers: connections that are torn, slow or mute, and a database with a full disk."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from chaos.faults.plan import Fault
from chaos.faults.tcp_proxy import TcpProxies

SLOW_S: Final = 0.25  # the most that a piece of data is late by
CONNECT_S: Final = 10


async def tear(proxies: TcpProxies, fault: Fault) -> int:
    """End every connection of a proxy with what is under way on it; returns how many."""
    return await asyncio.to_thread(proxies.tear, fault.target)


async def slow(proxies: TcpProxies, fault: Fault) -> int:
    """Delay each piece of data on a proxy for a while, both ways; returns how many connections have it."""
    several = await asyncio.to_thread(proxies.slow, fault.target, SLOW_S, fault.seed)
    try:
        await asyncio.sleep(fault.lasts)
    finally:
        await asyncio.to_thread(proxies.slow, fault.target, 0.0, fault.seed)
    return several


async def mute(proxies: TcpProxies, fault: Fault) -> int:
    """Let nothing through a proxy that stays up, and then end its connections; returns how many."""
    await asyncio.to_thread(proxies.mute, fault.target, silent=True)
    try:
        await asyncio.sleep(fault.lasts)
    finally:
        torn = await asyncio.to_thread(proxies.mute, fault.target, silent=False)
    return torn


async def fill(admin_url: str, fault: Fault) -> None:
    """Let the databases be read only for a while, as providers make them when a disk is full.

    A disk that is really full would take root, and a file system of its own.
    """
    await _administer(admin_url, "ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        await asyncio.sleep(fault.lasts)
    finally:
        await _administer(admin_url, "ALTER SYSTEM RESET default_transaction_read_only")


async def _administer(admin_url: str, statement: str) -> None:
    connection = await asyncpg.connect(admin_url, timeout=CONNECT_S)
    try:
        await connection.execute(statement)
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
