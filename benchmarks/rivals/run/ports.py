"""Free ports of the loopback address."""

from __future__ import annotations

import random
import socket

from deploy.local.processes.folders import LOOPBACK, PORTS, is_free


def free_ports(number: int) -> tuple[int, ...]:
    """So many different ports that nobody listens on now."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if is_free(port):
            found.append(port)
        if len(found) == number:
            break
    return tuple(found)


def listening(port: int) -> bool:
    """Whether somebody takes connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
