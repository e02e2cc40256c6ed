"""posada request: publishes a booking request as a gateway would, and follows it to its outcome."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from pydantic import ValidationError

from deploy.local.processes.waiting import wait_until
from posada.cli.options import HERE, AsJson, Bootstrap, Data, bootstrap_of, url_of
from posada.client.booking_events import CONFIRMED, Event, Watch, headers_for, producer, publish
from posada.client.http import ask
from posada.client.timeline import line_of
from posada.cluster.signing import needed_seal, seal_of
from posada.examples import example, filled, transfer_for
from posada.output import out, print_json
from posada.problems import Exit, Problem
from shared.contracts.booking import BookingRequested, booking_id_of
from shared.contracts.payments import TransferArrived
from shared.messages.record_auth import SealingProducer
from shared.safety.files import RefusedFile, read_named

TRANSFER_WAIT_S = 5.0
MOST_BYTES = 1_000_000  # what a record at Kafka may have

File = Annotated[Path | None, typer.Argument(help="A JSON file, or - for standard input.", show_default=False)]
Example = Annotated[bool, typer.Option("--example", help="Take the example: three Junior rooms in thirty days.")]
OnlyPrint = Annotated[bool, typer.Option("--print", help="Print the request as it would be published, and end.")]
WithTransfer = Annotated[bool, typer.Option("--with-transfer", help="First publish the bank's line of its payment.")]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for the outcome.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the outcome.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(request)


def request(
    file: File = None,
    *,
    example_: Example = False,
    only_print: OnlyPrint = False,
    with_transfer: WithTransfer = False,
    follow: Follow = True,
    timeout: Timeout = 60,
    bootstrap: Bootstrap = None,
    data: Data = HERE,
    as_json: AsJson = False,
) -> None:
    """Publish a booking request and follow it: 0 confirmed, 1 refused or failed, 3 timed out.

    In a file, {{today}}, {{today+30}} and {{new}} are filled in.
    """
    body = read_request(file, example_)
    if only_print:
        print_json(body)
        return
    course = Course(body, as_json=as_json)
    address = bootstrap_of(data, bootstrap)
    transfer = _transfer(body) if with_transfer else None
    code = asyncio.run(course.run(address, transfer, data, timeout if follow else None))
    raise typer.Exit(code)


def read_request(file: Path | None, use_example: bool) -> dict[str, Any]:
    """The request to publish, with an id."""
    if (file is None) is not use_example:
        raise Problem("Give a JSON file, - for standard input, or --example.", Exit.USAGE)
    if use_example or file is None:
        return example()
    body = parsed(sys.stdin.read() if str(file) == "-" else _text(file), str(file))
    return body if body.get("request_id") else {"request_id": f"cli-{uuid4()}"} | body


def parsed(text: str, name: str) -> dict[str, Any]:
    """A request's JSON object; raises Problem for anything else."""
    try:
        body = json.loads(filled(text, date.today()))  # noqa: DTZ011  # the guest's own day
    except ValueError as error:
        raise Problem(f"{name} is not JSON ({error}): see `posada request --example --print`.", Exit.USAGE) from error
    if not isinstance(body, dict):
        raise Problem(f"{name} must hold one JSON object: see `posada request --example --print`.", Exit.USAGE)
    return body


def _text(file: Path) -> str:
    try:
        return read_named(file, MOST_BYTES).decode("utf-8")
    except RefusedFile as refused:
        raise Problem(f"{refused}.", Exit.USAGE) from refused
    except UnicodeDecodeError as error:
        raise Problem(f"{file} is not UTF-8 text: save it as UTF-8.", Exit.USAGE) from error
    except OSError as error:
        raise Problem(f"{file}: {error.strerror}; name another file.", Exit.USAGE) from error


def _transfer(body: dict[str, Any]) -> TransferArrived:
    try:
        return transfer_for(body)
    except ValidationError as error:
        raise Problem(
            "The request tells of no payment that a transfer could match: see `payment`.", Exit.USAGE
        ) from error


class Course:
    """One request on its way."""

    def __init__(self, body: dict[str, Any], *, as_json: bool) -> None:
        self._body = body
        self._as_json = as_json
        self._events: list[dict[str, Any]] = []
        self._console = out()
        self._booking = booking_id_of(str(body["request_id"]))

    async def run(self, bootstrap: str, transfer: TransferArrived | None, data: Path, timeout: float | None) -> Exit:
        """Publish, and follow for `timeout` seconds, or not at all; the exit code tells the outcome."""
        seal = needed_seal(data) if transfer else seal_of(data)
        async with Watch(bootstrap) as watch, producer(bootstrap, seal) as client:
            if transfer:
                await (await publish(client, transfer))
                await transfer_recorded(data, transfer)
            began = time.monotonic()
            await self._publish(client)
            outcome = await self._follow(watch, began, timeout) if timeout else None
        return self._end(outcome, followed=timeout is not None)

    async def _publish(self, client: SealingProducer) -> None:
        self._say(f"request {self._body['request_id']}, booking {self._booking}")
        await client.send_and_wait(
            BookingRequested.topic.name,
            json.dumps(self._body, ensure_ascii=False).encode(),
            key=str(self._body["request_id"]).encode(),
            headers=headers_for(BookingRequested.type_name, str(self._booking)),
        )

    async def _follow(self, watch: Watch, began: float, timeout: float) -> Event | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                async for event in watch.events([self._booking]):
                    self._tell(event, time.monotonic() - began)
                    if event.is_outcome:
                        return event
        return None

    def _tell(self, event: Event, seconds: float) -> None:
        self._events.append({"step": event.step, "seconds": round(seconds, 4)})
        if not self._as_json:
            self._console.print(line_of(event, seconds), soft_wrap=True)

    def _end(self, outcome: Event | None, *, followed: bool) -> Exit:
        code = _code(outcome) if followed else Exit.DONE
        if self._as_json:
            print_json(self._answer(outcome, code, followed=followed))
        elif outcome:
            self._console.print(f"\n{outcome.body.get('text', '')}", markup=False)
        if code is Exit.TIMED_OUT:
            again = f"see `posada status {self._booking}`, or wait longer with --timeout"
            raise Problem(f"The booking has no outcome yet: {again}.", Exit.TIMED_OUT)
        return code

    def _answer(self, outcome: Event | None, code: Exit, *, followed: bool) -> dict[str, Any]:
        return {
            "request_id": self._body["request_id"],
            "booking_id": str(self._booking),
            "outcome": outcome.step if outcome else ("timed_out" if followed else None),
            "exit_code": int(code),
            "steps": self._events,
            "event": outcome.body if outcome else None,
        }

    def _say(self, text: str) -> None:
        if not self._as_json:
            self._console.print(text, markup=False)


async def transfer_recorded(data: Path, transfer: TransferArrived) -> None:
    """Wait until payments has recorded a transfer, where its API is known, so that a booking need not wait for it."""
    with suppress(Problem):
        url = url_of(data, "payments")
        await asyncio.to_thread(wait_until, lambda: is_recorded(url, transfer), TRANSFER_WAIT_S)


def is_recorded(payments_url: str, transfer: TransferArrived) -> bool:
    """Whether payments has the transfer among those of its day."""
    day, after, names = transfer.posted_on.isoformat(), None, {transfer.transfer_id, transfer.authorization_number}
    while True:
        page = ask(payments_url, "/payments/flat", posted_from=day, posted_to=day, after=after, limit=1000)
        if any(line["authorization_or_id"] in names for line in page):
            return True
        if not page:
            return False
        after = page[-1]["payment_id"]


def _code(outcome: Event | None) -> Exit:
    if outcome is None:
        return Exit.TIMED_OUT
    return Exit.DONE if outcome.type == CONFIRMED else Exit.NO
