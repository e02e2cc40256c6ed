"""The plan and the guests of a storm: the same for the same seed, and of every kind."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from chaos.faults.plan import CALM_S, PROXIES, SERVERS, FaultKind, plan
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
def test_everything_is_killed_and_every_kind_of_fault_occurs(seed: int) -> None:
    faults = plan(seed, 240, 48)

    assert {fault.target for fault in faults if fault.kind is FaultKind.KILL} == {*SERVICES, *SERVERS}
    assert {fault.kind for fault in faults} == set(FaultKind)
    assert faults[0].at >= CALM_S
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)


def test_servers_of_others_are_left_alone() -> None:
    assert not {fault.target for fault in plan(3, 240, 100, servers=False)} & set(SERVERS)
    without_proxies = plan(3, 240, 100, proxies=False)
    assert not {fault.target for fault in without_proxies} & set(PROXIES)
    injected = {(fault.kind, fault.target) for fault in without_proxies}
    assert {(FaultKind.KILL, server) for server in SERVERS} | {
        (FaultKind.FREEZE, server) for server in SERVERS
    } <= injected
    assert any(kind is FaultKind.FILL for kind, _ in injected)


def test_guests_are_of_every_kind_and_send_what_the_contract_takes() -> None:
    coming = guests(5, 600, 240, TODAY)

    assert set(Counter(guest.kind for guest in coming)) == set(GuestKind)
    assert any(sum(send.topic == REQUESTS for send in guest.sends) > 1 for guest in coming)
    for guest in coming:
        paid = [send for send in guest.sends if send.topic == TRANSFERS]
        assert bool(paid) == (guest.kind not in {GuestKind.NEVER, GuestKind.SHARED})
        for send in guest.sends:
            kind = BookingRequested if send.topic == REQUESTS else TransferArrived
            kind.model_validate(send.body)
