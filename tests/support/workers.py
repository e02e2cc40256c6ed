"""Which worker runs which tests, where there are several."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling

# Folders whose tests run on one cluster.
SHARING: Final = ("bookings", "conversations", "faults", "operate")
# One worker runs all tests of a list of folders: they share a cluster, or would be in each other's way.
LISTS: Final = {
    "the shared cluster": tuple(f"tests/cluster/{room}/" for room in SHARING),
    "other clusters": ("tests/cluster/",),
    "programs of the system": ("tests/deploy/",),
}


class ByServers(LoadScopeScheduling):
    """Tests that start brokers and clusters go by list; of the others a file goes to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        listed = (name for name, folders in LISTS.items() if nodeid.startswith(folders))
        return next(listed, nodeid.partition("::")[0])
