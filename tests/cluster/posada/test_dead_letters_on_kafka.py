"""posada dead, on a real broker: a letter that was cut is refused in one sentence, a whole one goes back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from posada.cli.operate.dead import report_cut
from posada.main import run
from posada.problems import Exit, Problem
from shared.contracts.topics import dead, internal
from shared.kafka.topic_admin import create_topics
from shared.messages.inbound import InboundMessage, Invalid
from shared.messages.message import Envelope
from shared.messages.record_auth import Seal, SealingProducer
from shared.outbox.dead_letter_topic import DeadLetter
from shared.outbox.dead_letters import MAX_BODY, row_for
from shared.outbox.row import Row
from tests.support.doubles.transport import raw_record

SERVICE = "payments"
SECRETS = {"1": "s" * 32}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line knows what the services sign with."""
    monkeypatch.setenv("POSADA_KAFKA_SECRETS", json.dumps(SECRETS))


def letter_of(body: bytes, *, verified: bool = True) -> Row:
    """What the service would have set aside."""
    record = raw_record("posada.payments.transfers", body, headers=[("x", b"1")])
    envelope = Envelope(id=uuid4().hex, type="posada.payments.transfer-arrived.v1", source="tests")
    invalid = Invalid(envelope.type, envelope.reference, body, None, ())
    inbound = InboundMessage(record, envelope, invalid, uuid4(), f"{record.topic}/0/0", verified)
    return row_for(SERVICE, dead(SERVICE), inbound, fault="it is bad", now=datetime.now(UTC))


async def set_aside(bootstrap: str, *rows: Row, seal: Seal | None = Seal(SECRETS)) -> None:  # noqa: B008
    """Put letters where the service puts them, or without its seal a stranger."""
    await create_topics(bootstrap, [dead(SERVICE), internal(SERVICE)])
    async with SealingProducer(seal, bootstrap_servers=bootstrap, max_request_size=2_000_000) as producer:
        for row in rows:
            await producer.send_and_wait(row.topic, row.body, key=row.key.encode(), headers=row.headers)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        run(list(words))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.real
def test_a_cut_letter_is_refused_and_stays_and_a_whole_one_goes_back(
    kafka_bootstrap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cut, whole = letter_of(b"x" * (MAX_BODY + 1)), letter_of(b"{}")
    asyncio.run(set_aside(kafka_bootstrap, cut, whole))
    at = ("--bootstrap", kafka_bootstrap)

    code, out, err = told(capsys, "dead", "replay", cut.key, *at)
    assert code == Exit.NO
    assert not out
    assert "Traceback" not in err
    assert err.count("\n") == 1
    place = dict(cut.headers)["dead_place"].decode()
    assert cut.key in err
    assert place in err
    assert "publish it again" in err

    code, out, _ = told(capsys, "dead", "replay", whole.key, "--json", *at)
    assert (code, json.loads(out)) == (Exit.DONE, {"replayed": [whole.key]})
    _, out, _ = told(capsys, "dead", "list", "--json", *at)
    left = {one["id"]: one for one in json.loads(out)}
    assert cut.key in left
    assert left[cut.key]["cut_from"] == MAX_BODY + 1
    assert whole.key not in left


@pytest.mark.real
def test_what_is_not_verified_is_replayed_only_where_it_is_asked_for(
    kafka_bootstrap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given back it would bear our MAC: a stranger's letter, and one whose record was forged, wait for a person."""
    true, forged, strange = letter_of(b"{}"), letter_of(b"{}", verified=False), letter_of(b"{}")
    asyncio.run(set_aside(kafka_bootstrap, true, forged))
    asyncio.run(set_aside(kafka_bootstrap, strange, replace(true, body=None), replace(true, body=b"[]"), seal=None))
    at = ("--bootstrap", kafka_bootstrap)

    _, out, _ = told(capsys, "dead", "list", "--json", *at)
    found = {one["id"]: one for one in json.loads(out)}
    verified = {one.key: found[one.key]["verified"] for one in (true, forged, strange)}
    assert verified == {true.key: True, forged.key: False, strange.key: False}
    assert found[true.key]["body"] == "{}"  # a stranger neither takes a letter away nor changes it
    for one in (forged, strange):
        code, out, err = told(capsys, "dead", "replay", one.key, *at)
        assert (code, out) == (Exit.NO, "")
        assert "may be forged" in err
    _, out, err = told(capsys, "dead", "replay", "--all", "--json", *at)
    replayed = json.loads(out)["replayed"]
    assert true.key in replayed
    assert not {forged.key, strange.key} & set(replayed)
    assert "are not verified" in err
    code, out, _ = told(capsys, "dead", "replay", forged.key, "--unverified", "--json", *at)
    assert (code, json.loads(out)) == (Exit.DONE, {"replayed": [forged.key]})


def test_without_the_secret_nothing_is_given_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSADA_KAFKA_SECRETS")
    code, _, err = told(capsys, "dead", "replay", "--all", "--bootstrap", "127.0.0.1:1")
    assert code != Exit.DONE
    assert "POSADA_KAFKA_SECRETS" in err


def letter(id_: str, cut_from: int = 0) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(id_, SERVICE, "", "", "", "", [], "", [], b"", cut_from, f"t/0/{id_}")


def test_among_many_the_cut_ones_are_named_together() -> None:
    with pytest.raises(Problem, match=r"^2 dead letters .* t/0/a, t/0/b") as told_:
        report_cut([letter("a", 10**6), letter("b", 10**6)])
    assert told_.value.code is Exit.NO
    report_cut([])
