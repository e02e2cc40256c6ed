"""Temporal: a workflow of activities, its worker, and a front end in the same process that starts workflows eagerly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.rivals.engines import steps
from benchmarks.rivals.engines.hotel import Wish
from benchmarks.rivals.engines.http_front import Book, HttpFront

SERVER_VARIABLE: Final = "HOTEL_TEMPORAL"
# "local" activities go without the server between two steps; "remote" ones are its ordinary ones.
ACTIVITIES_VARIABLE: Final = "HOTEL_TEMPORAL_ACTIVITIES"
QUEUE: Final = "hotel"
SLOTS: Final = 200
STEPS: Final = tuple(
    activity.defn(step)
    for step in (
        steps.hold_rooms,
        steps.reserve_payment,
        steps.confirm,
        steps.book_rooms,
        steps.capture_payment,
        steps.release_rooms,
        steps.release_payment,
    )
)
_PATIENCE: Final = timedelta(seconds=30)
# Temporal calls an error by its class.
_RETRIES: Final = RetryPolicy(non_retryable_error_types=["Refused"])
_LOCAL: Final = os.environ.get(ACTIVITIES_VARIABLE) == "local"


@workflow.defn
class BookRooms:
    """The saga: all of it, or what was done is undone."""

    @workflow.run
    async def run(self, wish: Wish) -> dict[str, Any]:
        """Book what the wish says; the outcome, refused or confirmed with codes."""
        booking_id = wish["booking_id"]
        undo: list[Any] = []
        try:
            undo.append(steps.release_rooms)
            rooms = await _do(steps.hold_rooms, wish)
            undo.append(steps.release_payment)
            await _do(steps.reserve_payment, wish)
        except ActivityError as refused:
            for release in reversed(undo):
                await _do(release, booking_id)
            return {"state": "refused", "why": str(refused.cause)}
        codes = await _do(steps.confirm, wish, rooms)
        await asyncio.gather(
            _do(steps.book_rooms, booking_id, codes),
            _do(steps.capture_payment, booking_id, codes),
        )
        return {"state": "confirmed", "codes": codes}


async def _do(step: Any, *args: Any) -> Any:
    run = workflow.execute_local_activity if _LOCAL else workflow.execute_activity
    return await run(step, args=args, start_to_close_timeout=_PATIENCE, retry_policy=_RETRIES)


@asynccontextmanager
async def _life() -> AsyncIterator[Book]:
    await steps.pool()
    client = await Client.connect(os.environ[SERVER_VARIABLE])
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[BookRooms],
        activities=STEPS,
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_tasks=SLOTS,
        max_concurrent_activities=SLOTS,
        max_concurrent_local_activities=SLOTS,
        max_concurrent_workflow_task_polls=10,
        max_concurrent_activity_task_polls=10,
        max_eager_activity_reservations_per_workflow_task=3,
    )

    async def book(wish: Wish) -> Any:
        return await client.execute_workflow(
            BookRooms.run,
            wish,
            id=wish["booking_id"],
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            request_eager_start=True,
        )

    async with worker:
        yield book


app = HttpFront(_life)
