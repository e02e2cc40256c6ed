"""Random ids. The system is asked for many at a time: one by one its answers took longer than all else about an id."""

from __future__ import annotations

import os
from typing import Final
from uuid import UUID

_BLOCK: Final = 256  # ids for which the system is asked at once
_BYTES: Final = 16
_stock: Final[list[UUID]] = []


def new_id() -> UUID:
    """A random UUID (version 4), as `uuid4` makes them."""
    while True:
        try:
            return _stock.pop()
        except IndexError:
            block = os.urandom(_BLOCK * _BYTES)
            _stock.extend(UUID(bytes=block[at : at + _BYTES], version=4) for at in range(0, len(block), _BYTES))


# A process that was forked must not give out the same ids as its parent.
os.register_at_fork(after_in_child=_stock.clear)
