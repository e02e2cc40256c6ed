"""A minute of storm over five real services: every saga ends, and the auditor finds nothing."""

from __future__ import annotations

import pytest

from chaos.__main__ import run_storm
from chaos.faults.plan import SERVERS, FaultKind
from chaos.report import text
from chaos.run import Wish
from shared.contracts.topics import SERVICES

SEED = 20260310
BOOKINGS = 250
SECONDS = 45.0
FAULTS = 13  # with this seed enough to kill each service and both servers, with and without lines


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_cluster_stands_a_storm() -> None:
    storm = run_storm(Wish(SEED, BOOKINGS, SECONDS, FAULTS))

    assert storm.wrong == [], text(storm)
    assert storm.quiet_at is not None
    assert storm.report is not None
    assert storm.report.bookings == BOOKINGS
    assert len(storm.injected) == FAULTS
    assert {one.fault.target for one in storm.injected if one.fault.kind is FaultKind.KILL} == {*SERVICES, *SERVERS}
