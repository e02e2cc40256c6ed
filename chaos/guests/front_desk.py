"""The front desk of a storm: gives commands over HTTP, again until there is an answer, and keeps the answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx

from chaos.guests.gateway import Gateway
from chaos.guests.intentions import Intention, Plan, Step
from shared.contracts.booking import booking_id_of

PAUSE_S: Final = 1.0
ANSWER_S: Final = 15.0
DONE: Final = "done"
UNKNOWN: Final = "unknown_booking"
FAULT: Final = "server error"
AGAIN: Final = {httpx.codes.ACCEPTED, httpx.codes.SERVICE_UNAVAILABLE}


@dataclass
class Answered:
    """What came of one guest's intention: the state that the last answer promises, and the answer to each step."""

    plan: Plan
    promised: str = ""
    dates: tuple[str, str] | None = None
    answers: list[str] = field(default_factory=list)
    over: bool = False


@dataclass
class FrontDesk:
    """Serves guests once the gateway has heard that they are confirmed, and those who give up before that."""

    url: str
    token: str
    gateway: Gateway
    answered: list[Answered] = field(default_factory=list)
    given: int = 0

    async def serve(self, plans: Iterable[Plan]) -> None:
        """Carry out every plan whose guest is confirmed; ends when each has its answers."""
        self.answered = [Answered(plan) for plan in plans]
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            httpx.AsyncClient(base_url=self.url, headers=headers, timeout=ANSWER_S, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for answered in self.answered:
                group.create_task(self._serve(client, answered))

    @property
    def unanswered(self) -> list[str]:
        """Whose intention is still under way."""
        return [one.plan.request_id for one in self.answered if not one.over]

    def broken(self, states: Mapping[UUID, Mapping[str, Any]]) -> list[str]:
        """Whose booking is not as the front desk said, or met a fault; `states` are the bookings' status and dates."""
        return [one.plan.request_id for one in self.answered if not _as_promised(one, states)]

    def kinds(self, intention: Intention) -> Mapping[str, int]:
        """What came of an intention, by the answers to its steps."""
        answers = (
            ", ".join(one.answers) or "not confirmed" for one in self.answered if one.plan.intention is intention
        )
        return Counter(answers)

    async def _serve(self, client: httpx.AsyncClient, answered: Answered) -> None:
        request_id = answered.plan.request_id
        if answered.plan.intention is Intention.GIVE_UP or await self._is_confirmed(request_id):
            await asyncio.sleep(answered.plan.after_s)
            for step in answered.plan.steps:
                answer = await self._answered(client, request_id, step)
                answered.answers.append(f"{step.path} {answer}")
                if answer != DONE:
                    break
                answered.promised = step.leaves
                if step.path == "dates":
                    answered.dates = step.says["check_in"], step.says["check_out"]
        answered.over = True

    async def _is_confirmed(self, request_id: str) -> bool:
        while (heard := self.gateway.heard.get(request_id)) is None:  # noqa: ASYNC110  # heard from afar
            await asyncio.sleep(PAUSE_S)
        return heard.kind == "confirmed"

    async def _answered(self, client: httpx.AsyncClient, request_id: str, step: Step) -> str:
        """Done, or why not: the same command again while nobody answers, another where the booking was busy."""
        attempt = 0
        while True:
            command_id = uuid5(NAMESPACE_URL, f"{request_id}/{step.path}/{attempt}")
            body = {"command_id": str(command_id), "who": "desk", **step.says}
            address = f"/bookings/{booking_id_of(request_id)}/{step.path}"
            self.given += 1 + step.twice
            try:
                several = await asyncio.gather(*[client.post(address, json=body) for _ in range(1 + step.twice)])
            except httpx.HTTPError:
                await asyncio.sleep(PAUSE_S)
                continue
            last = several[-1]
            if last.status_code == httpx.codes.OK:
                return DONE
            # Something else is under way, or the request is still to be read: the same under another id.
            if last.status_code == httpx.codes.CONFLICT or _why(last) == UNKNOWN:
                attempt += 1
            elif last.status_code not in AGAIN:
                return _why(last)
            await asyncio.sleep(PAUSE_S)


def _why(answer: httpx.Response) -> str:
    if answer.is_server_error:
        return FAULT
    error = answer.json().get("error", {})
    return str(error.get("reason", answer.status_code))


def _as_promised(answered: Answered, states: Mapping[UUID, Mapping[str, Any]]) -> bool:
    if any(answer.endswith(FAULT) for answer in answered.answers):
        return False
    if not answered.promised:
        return True
    booking = states.get(booking_id_of(answered.plan.request_id))
    if booking is None or booking["status"] != answered.promised:
        return False
    return answered.dates is None or answered.dates == (
        booking["check_in"].isoformat(),
        booking["check_out"].isoformat(),
    )
