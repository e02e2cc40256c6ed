"""Doubles of outside systems listen on this machine, which a service calls only where it is told so."""

from __future__ import annotations

import json

from shared.outbound.destinations import Allowed

NAMED = ["127.0.0.0/8", "::1", "localhost"]
LOOPBACK = Allowed.of(NAMED)
AS_A_VARIABLE = json.dumps(NAMED)
