"""The desk of a storm: the same for a seed, asks until it is answered, and sees where an answer was not kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from chaos.guests import front_desk as desks
from chaos.guests.front_desk import FrontDesk
from chaos.guests.gateway import Gateway, Heard
from chaos.guests.intentions import Intention, Plan, Step, intentions
from chaos.guests.requests import GuestKind, guests
from posada.cluster.secrets import ClusterSecrets
from shared.contracts.booking import booking_id_of

TODAY = date(2026, 3, 10)
BOOKING = booking_id_of("r1")
CANCEL = Plan("r1", Intention.CANCEL, 0.0, (Step("cancellation", {}, "CANCELLED", False),))
MOVE = Plan(
    "r1",
    Intention.MOVE,
    0.0,
    (Step("dates", {"check_in": "2026-09-01", "check_out": "2026-09-02"}, "CONFIRMED", True),),
)
GIVE_UP = Plan("r1", Intention.GIVE_UP, 0.0, (Step("cancellation", {}, "CANCELLED", False),))
Answers = Callable[[httpx.Request], httpx.Response]


def test_a_seed_repeats_its_errands_and_there_are_all_kinds() -> None:
    coming = guests(5, 600, 240, TODAY)
    plans = intentions(5, coming, TODAY)
    assert plans == intentions(5, coming, TODAY)
    assert plans != intentions(6, coming, TODAY)
    assert {plan.intention for plan in plans} == set(Intention)
    kinds = {guest.request_id: guest.kind for guest in coming}
    assert len({plan.request_id for plan in plans}) == len(plans), "a guest is up to two things"
    given_up = {kinds[plan.request_id] for plan in plans if plan.intention is Intention.GIVE_UP}
    assert given_up == {GuestKind.NEVER, GuestKind.LATE}
    assert all(kinds[plan.request_id].may_be_confirmed for plan in plans if plan.intention is not Intention.GIVE_UP)


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Serves one plan by a server that answers as it is told to."""
    monkeypatch.setattr(desks, "PAUSE_S", 0.0)
    real = httpx.AsyncClient

    async def serve(
        plan: Plan, *answers: tuple[int, dict[str, Any]] | Exception
    ) -> tuple[FrontDesk, list[dict[str, Any]]]:
        left, asked = list(answers), []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(json.loads(request.content))
            one = left.pop(0)
            if isinstance(one, Exception):
                raise one
            return httpx.Response(one[0], json=one[1])

        transport = httpx.MockTransport(answer)
        monkeypatch.setattr(httpx, "AsyncClient", lambda **told: real(transport=transport, base_url=told["base_url"]))
        gateway = Gateway("nowhere:1", ClusterSecrets({}))
        if plan.intention is not Intention.GIVE_UP:
            gateway.heard["r1"] = Heard("confirmed", "", 1.0)
        desk = FrontDesk("http://desk", "token", gateway)
        async with asyncio.timeout(60):
            await desk.serve([plan])
        assert left == []
        return desk, asked

    yield serve


def states(status: str, check_in: str = "2026-05-01", check_out: str = "2026-05-02") -> dict[UUID, dict[str, Any]]:
    days = {"check_in": date.fromisoformat(check_in), "check_out": date.fromisoformat(check_out)}
    return {BOOKING: {"status": status, **days}}


async def test_without_an_answer_the_same_command_is_given_again(served: Callable[..., Any]) -> None:
    desk, asked = await served(CANCEL, httpx.ConnectError("away"), (503, {}), (202, {}), (200, {}))
    assert len({one["command_id"] for one in asked}) == 1
    assert desk.unanswered == []
    assert desk.broken(states("CANCELLED")) == []
    assert desk.broken(states("CONFIRMED")) == ["r1"]


async def test_a_busy_booking_is_asked_anew_under_another_id(served: Callable[..., Any]) -> None:
    _, asked = await served(CANCEL, (409, {}), (200, {}))
    assert len({one["command_id"] for one in asked}) == 2


async def test_who_gives_up_waits_for_no_outcome_and_asks_until_the_booking_is_known(
    served: Callable[..., Any],
) -> None:
    desk, asked = await served(GIVE_UP, (404, {"error": {"reason": "unknown_booking"}}), (200, {}))
    assert len({one["command_id"] for one in asked}) == 2
    assert desk.broken(states("CANCELLED")) == []
    assert desk.broken(states("CONFIRMED")) == ["r1"]


async def test_a_refusal_promises_nothing(served: Callable[..., Any]) -> None:
    desk, _ = await served(CANCEL, (422, {"error": {"reason": "illegal_transition"}}))
    assert desk.kinds(Intention.CANCEL) == {"cancellation illegal_transition": 1}
    assert desk.broken(states("CONFIRMED")) == []


async def test_a_fault_of_the_server_is_none_of_its_answers(served: Callable[..., Any]) -> None:
    desk, _ = await served(CANCEL, (500, {}))
    assert desk.broken(states("CANCELLED")) == ["r1"]


async def test_said_twice_at_once_and_other_dates_are_looked_at(served: Callable[..., Any]) -> None:
    desk, asked = await served(MOVE, (200, {}), (200, {}))
    assert asked[0] == asked[1]
    assert desk.broken(states("CONFIRMED", "2026-09-01", "2026-09-02")) == []
    assert desk.broken(states("CONFIRMED")) == ["r1"]
