"""The plan and the guests of a storm: the same for the same seed, and of every kind."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from chaos.faults.plan import CALM_S, LINES, SERVERS, What, plan
from chaos.guests.requests import REQUESTS, TRANSFERS, GuestKind, guests
from shared.contracts.booking import BookingRequested
from shared.contracts.payments import TransferArrived
from shared.contracts.topics import SERVICES

TODAY = date(2026, 3, 10)


def test_a_seed_repeats_its_storm_and_another_makes_another() -> None:
    assert plan(7, 240, 48) == plan(7, 240, 48)
    assert guests(7, 300, 240, TODAY) == guests(7, 300, 240, TODAY)
    assert plan(7, 240, 48) != plan(8, 240, 48)
    assert guests(7, 300, 240, TODAY) != guests(8, 300, 240, TODAY)


@pytest.mark.parametrize("seed", range(20))
def test_everything_is_killed_and_every_kind_of_blow_falls(seed: int) -> None:
    blows = plan(seed, 240, 48)

    assert {blow.target for blow in blows if blow.what is What.KILL} == {*SERVICES, *SERVERS}
    assert {blow.what for blow in blows} == set(What)
    assert blows[0].at >= CALM_S
    assert [blow.at for blow in blows] == sorted(blow.at for blow in blows)


def test_servers_of_others_are_left_alone() -> None:
    assert not {blow.target for blow in plan(3, 240, 100, servers=False)} & set(SERVERS)
    without_lines = plan(3, 240, 100, lines=False)
    assert not {blow.target for blow in without_lines} & set(LINES)
    struck = {(blow.what, blow.target) for blow in without_lines}
    assert {(What.KILL, server) for server in SERVERS} | {(What.FREEZE, server) for server in SERVERS} <= struck
    assert any(what is What.FILL for what, _ in struck)


def test_guests_are_of_every_manner_and_send_what_the_contract_takes() -> None:
    coming = guests(5, 600, 240, TODAY)

    assert set(Counter(guest.manner for guest in coming)) == set(GuestKind)
    assert any(sum(send.topic == REQUESTS for send in guest.sends) > 1 for guest in coming)
    for guest in coming:
        paid = [send for send in guest.sends if send.topic == TRANSFERS]
        assert bool(paid) == (guest.manner not in {GuestKind.NEVER, GuestKind.SHARED})
        for send in guest.sends:
            kind = BookingRequested if send.topic == REQUESTS else TransferArrived
            kind.model_validate(send.body)
