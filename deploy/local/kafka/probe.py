"""Asks a Kafka broker whether it is ready for work: with a client, as a port that listens says too little."""

import socket
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.processes.waiting import run_apart

ANSWER_TIMEOUT_S: Final = 5.0


def kafka_answers(bootstrap: str) -> bool:
    """Whether the broker at host:port has joined its cluster and its group coordinator has loaded."""
    if not listens(bootstrap):  # cheaper than a client, which would log its failure besides
        return False
    try:
        return run_apart(lambda: _serves_groups(bootstrap), ANSWER_TIMEOUT_S)
    except (KafkaError, OSError, TimeoutError):
        return False


def listens(bootstrap: str) -> bool:
    """Whether somebody listens at host:port."""
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


async def _serves_groups(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await client.start()
        if not (await client.describe_cluster())["brokers"]:
            return False
        await client.list_consumer_group_offsets("posada-start")
    finally:
        await client.close()
    return True
