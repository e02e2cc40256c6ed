"""Money through the whole cluster: a bank's files, a question about a payment, and a search that is given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from posada.cli.front_desk.payments import reader
from posada.client.bank_import import Importing, Taken
from posada.client.booking_events import producer, publish
from posada.client.http import ask
from posada.cluster.cluster import LocalCluster
from shared.contracts.payments import VerifyPayment, WithdrawPayment
from shared.contracts.topics import PAYMENTS_ANSWERS
from tests.support.builders.cluster_requests import fresh_night, money_for, request
from tests.support.cluster.gateway import REQUESTS, Gateway, rows, wait_for
from tests.support.oracle import until_at_rest

LINES = 2000


def files(folder: Path, batch: str) -> Iterator[Path]:
    """A bank's table, and a statement that holds half of its lines and as many others."""
    table = folder / "table.csv"
    lines = [f"{batch}-{number},1.00,2025-03-14" for number in range(LINES)]
    table.write_text("\n".join(["transfer_id,amount,posted_on", *lines, f"{batch}-x,none,2025-03-14"]))
    yield table
    statement = folder / "statement.xml"
    entries = "".join(
        f'<Ntry><Amt Ccy="USD">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>2025-03-14</Dt></BookgDt><AcctSvcrRef>{batch}-{number}</AcctSvcrRef></Ntry>"
        for number in range(LINES // 2, LINES * 3 // 2)
    )
    statement.write_text(f"<Document><BkToCstmrStmt><Stmt>{entries}</Stmt></BkToCstmrStmt></Document>")
    yield statement


async def brought_in(cluster: LocalCluster, file: Path, layout: Path) -> Taken:
    source, read = reader(file, layout)
    with file.open("rb") as stream:
        importing = Importing(read, source, file.name, cluster.http("payments"), cluster.secrets.seal())
        return await importing.bring_in(cluster.kafka_bootstrap, stream, None)


async def test_files_that_overlap_count_each_line_once(cluster: LocalCluster, tmp_path: Path) -> None:
    batch = uuid4().hex[:8]
    layout = tmp_path / "layout.yaml"
    layout.write_text(f"source: bank-{batch}\n")
    table, statement = files(tmp_path, batch)
    first = await brought_in(cluster, table, layout)
    assert (first.taken, first.known, first.broken) == (LINES, 0, 1)
    assert first.broken_lines[0]["number"] == LINES + 2
    count = "SELECT count(*) FROM payments WHERE source = $1"

    async def recorded(number: int) -> None:
        async with asyncio.timeout(60):
            while (await rows(cluster, "payments", count, f"bank-{batch}"))[0][0] != number:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    await recorded(LINES)
    second = await brought_in(cluster, statement, layout)
    assert (second.taken, second.known, second.broken) == (LINES // 2, LINES // 2, 0)
    await recorded(LINES * 3 // 2)
    again = await brought_in(cluster, table, layout)
    assert (again.taken, again.known) == (0, LINES)
    audit = ask(cluster.http("payments"), "/payments/audit")
    assert audit["agrees"], audit


async def test_a_question_about_a_payment_is_answered_over_kafka(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    money = money_for(wanted)
    await gateway.pay([money])
    question = VerifyPayment(
        request_id=uuid4().hex, authorization_number=money["authorization_number"], booking_amount=money["amount"]
    )
    consumer = AIOKafkaConsumer(
        PAYMENTS_ANSWERS.name, bootstrap_servers=cluster.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with producer(cluster.kafka_bootstrap, cluster.secrets.seal()) as client:
            await (await publish(client, question))
        async with asyncio.timeout(30):
            async for record in consumer:
                if record.key == question.request_id.encode():
                    answer = json.loads(record.value)
                    break
    finally:
        await consumer.stop()
    assert (answer["result"], answer["left"]) == ("found", money["amount"])
    assert (await gateway.book(wanted)).kind == "confirmed"
    await until_at_rest(cluster)


async def test_a_search_that_is_given_up_frees_the_rooms(cluster: LocalCluster, gateway: Gateway) -> None:
    wanted = request(fresh_night())
    name = wanted["request_id"]
    await gateway.publish(REQUESTS, wanted)
    await wait_for(
        lambda: bool(gateway.of_request(name, "payment-search-started")), what="the search to start", timeout_s=20
    )
    [booking] = await rows(cluster, "booking", "SELECT id FROM bookings WHERE request_id = $1", name)
    async with producer(cluster.kafka_bootstrap, cluster.secrets.seal()) as client:
        await (await publish(client, WithdrawPayment(booking_id=booking["id"], reason="changed her mind")))
    outcome = await gateway.outcome(name)
    assert (outcome.kind, outcome.body["refusal"]["reason"]) == ("refused", "payment_withdrawn")
    await until_at_rest(cluster)
