"""Which worker runs which tests, where there are several."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling

# They start brokers and clusters: more than one at a time would be in each other's way.
SERVERS: Final = ("tests/cluster/", "tests/deploy/")


class ByServers(LoadScopeScheduling):
    """One worker runs all tests that start brokers and clusters; of the others a file goes to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "servers" if nodeid.startswith(SERVERS) else nodeid.partition("::")[0]
