"""What makes a storm fail, and how its report tells it."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.faults.injector import InjectedFault
from chaos.faults.plan import Fault, FaultKind
from chaos.guests.gateway import Gateway, Heard
from chaos.guests.requests import Guest, GuestKind
from chaos.monitor import Monitor, counted
from chaos.report import chart, text
from chaos.run import Storm, Wish, judged
from posada.audit.auditor import Report
from posada.audit.finding import Finding
from posada.cluster.secrets import ClusterSecrets

WISH = Wish(seed=1, bookings=2, seconds=10, faults=1)
FINDING = Finding("room-sold-once", "b1", "room 18 is sold twice", "posada status b1")
PAID, UNPAID = Guest("paid", GuestKind.PAID, ()), Guest("unpaid", GuestKind.NEVER, ())


def storm(**more: Any) -> Storm:
    """One in which nothing went wrong, but for what is said."""
    gateway = Gateway("nowhere:1", ClusterSecrets({}))
    gateway.heard = {
        "paid": Heard("confirmed", "", 12.0, {"e1"}),
        "unpaid": Heard("failed", "payment_not_found", 14.0, {"e2"}),
    }
    gateway.sent_at = {"paid": 11.0, "unpaid": 11.5}
    facts = {"report": Report((), 2, 1, 0), "gateway": gateway, "quiet_at": 20.0, "began": 10.0}
    return Storm(WISH, [], [PAID, UNPAID], **facts | more)


def injected(kind: FaultKind, **more: Any) -> InjectedFault:
    return InjectedFault(Fault(1, 3.0, kind, "booking", 1.0, 7), 13.0, **more)


def test_a_storm_that_everything_stood_has_nothing_wrong() -> None:
    calm = judged(storm(), known={"paid", "unpaid"})

    assert calm.wrong == []
    assert "Everything held" in text(calm)
    assert b"<svg" in chart(calm)


def test_a_storm_is_repeated_over_the_same_backends() -> None:
    """Without proxies the faults of a seed are others: a storm over containers is repeated over containers."""
    again = "python -m chaos --seed 1 --bookings 2"
    assert f"`{again}" in text(storm())
    assert f"`POSADA_PARTS=docker {again}" in text(storm(proxied=False))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"left_open": 3}, "3 sagas never ended"),
        ({"report": Report((FINDING,), 2, 1, 0)}, "room-sold-once b1"),
        ({"injected": [injected(FaultKind.KILL, repaired=1.0, problem="not back after 120 s")]}, "not back"),
    ],
)
def test_each_makes_it_fail(changes: dict[str, Any], told: str) -> None:
    failed = judged(storm(**changes), known={"paid", "unpaid"})

    assert len(failed.wrong) == 1
    assert told in failed.wrong[0]
    assert told in text(failed)


def test_lost_unheard_doubled_and_unpaid_bookings_make_it_fail() -> None:
    failed = storm()
    assert failed.gateway is not None
    failed.gateway.heard["unpaid"] = Heard("confirmed", "", 14.0, {"e2", "e3"})
    del failed.gateway.heard["paid"]

    assert [proxy.partition(":")[0] for proxy in judged(failed, known={"unpaid"}).wrong] == [
        "1 requests were lost",
        "1 requests have no outcome",
        "1 requests have several outcomes",
        "1 were confirmed unpaid",
    ]


def test_a_process_that_ended_by_itself_makes_it_fail() -> None:
    monitor = Monitor(None, lambda: 0, lambda _: False, ended_alone=["booking ended with code 1"])  # type: ignore[arg-type]

    assert judged(storm(monitor=monitor), known={"paid", "unpaid"}).wrong == ["booking ended with code 1"]


def test_a_fault_without_effect_is_a_miss_and_no_failure() -> None:
    missed = injected(FaultKind.REPEAT, problem="KafkaConnectionError: nobody there")

    assert judged(storm(injected=[missed]), known={"paid", "unpaid"}).wrong == []


def test_that_nothing_was_ever_delivered_again_is_a_failure() -> None:
    missed = [injected(FaultKind.REPEAT, problem="KafkaConnectionError: nobody there") for _ in range(2)]
    assert judged(storm(injected=missed), known={"paid", "unpaid"}).wrong == [
        "nothing was delivered again, although it was to be"
    ]


def test_what_copies_count_is_read_by_what_it_means() -> None:
    metrics = """
# TYPE posada_messages_handled_total counter
posada_messages_handled_total{type="a",outcome="handled"} 5
posada_messages_handled_total{type="any",outcome="repeated"} 2
# TYPE posada_outbox_swept_total counter
posada_outbox_swept_total 3
"""
    assert counted(metrics) == {"handled": 5, "known by the inbox": 2, "sent by the sweeper": 3}
