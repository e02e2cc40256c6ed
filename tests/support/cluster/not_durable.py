"""Clusters of tests that kill no PostgreSQL: it need not write through to the disk."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from deploy.local.choice import choose_backends
from posada.cluster.cluster import LocalCluster


def not_durable_cluster(folder: Path, **more: Any) -> LocalCluster:
    """The whole system, not started."""
    return LocalCluster(folder, choose=partial(choose_backends, durable=False), **more)
