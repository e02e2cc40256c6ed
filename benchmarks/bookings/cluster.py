"""The cluster that is measured: services log warnings alone, the broker has heap and compiler for a load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posada.cluster.cluster import LocalCluster


def measured_cluster(folder: Path, **more: Any) -> LocalCluster:
    """A cluster that is not started yet; `more` is what `LocalCluster` takes besides."""
    variables = {"POSADA_LOG_LEVEL": "WARNING", "POSADA_LOG_JSON": "1"}
    return LocalCluster(folder, kafka_heap_mb=512, kafka_full_jit=True, env=variables, **more)
