"""Who wrote a record: our own MAC over all of it, senders' signatures, and what is taken from whom."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from operator import attrgetter
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from services.payments.settings import Settings
from shared.consumer.decoding import Decoder
from shared.consumer.routing import Routes
from shared.contracts.topics import ALL_TOPICS, BOOKING_REPLIES, PAYMENTS_TRANSFERS, SERVICES
from shared.kafka.lenient_records import BrokenName
from shared.kafka.topics import Topic, Writers
from shared.messages.inbound import InboundMessage, Invalid
from shared.messages.message import Message
from shared.messages.record_auth import MAC, SIGNATURE, RecordVerifier, Seal, Sender
from shared.messages.record_settings import TRUSTING, RecordSettings
from tests.support.doubles.transport import raw_record

NOW = datetime(2026, 3, 10, tzinfo=UTC)
REPLIES, TRANSFERS = BOOKING_REPLIES.name, PAYMENTS_TRANSFERS.name
REQUESTS, QUESTIONS = "posada.booking.requests", "posada.payments.requests"
SEAL = Seal({"1": "a" * 32})
BANK, CHAT = Sender("bank", "b" * 32), Sender("chat", "c" * 32)
TRANSFER = b'{"transfer_id": "T1", "source": "bank", "amount": "690.00", "posted_on": "2026-03-01"}'
QUESTION = b'{"request_id": "q1", "authorization_number": "A7"}'
WITHDRAWAL = b'{"booking_id": "6f0f9f7e-6f43-4f0c-8b55-0d3c8d0a9c11"}'
WITHDRAW = ("ce_type", b"posada.payments.withdraw-payment.v1")
HEADERS = [("ce_id", b"1"), ("ce_type", b"posada.payments.payment-reserved.v1"), ("ce_source", b"posada/payments")]

Changes = dict[str, Any]


def routes_of(service: str) -> Routes[Any]:
    table: Routes[Any] = import_module(f"services.{service}.consumers").routes(None)
    return table


def verifier(service: str = "payments", **more: Any) -> RecordVerifier:
    topics = {topic.name: topic for topic in routes_of(service).topics}
    told = {"gateways": {"chat": (CHAT.secret,)}, "sources": {"bank": (BANK.secret,)}} | more
    return RecordVerifier(told.pop("seal", SEAL), topics, **told)


def read(record: ConsumerRecord[Any, Any], service: str = "payments", **more: Any) -> InboundMessage:
    return Decoder(routes_of(service), verifier(service, **more)).decode(record, NOW)


def problem(delivery: InboundMessage) -> str:
    """Why it is not verified; fails where it is."""
    assert not delivery.verified
    assert isinstance(delivery.message, Invalid)
    return delivery.message.text


def sealed(seal: Seal = SEAL, **changes: Any) -> ConsumerRecord[Any, Any]:
    """A sealed record with these changes made to it behind the sealing."""
    facts: Changes = {"topic": REPLIES, "key": b"k", "value": b"{}", "headers": HEADERS}
    facts["headers"] = seal.sealed(**facts)
    facts |= {name: change(facts[name]) if callable(change) else change for name, change in changes.items()}
    return raw_record(facts["topic"], facts["value"], key=facts["key"], headers=facts["headers"])


Headers = list[tuple[str, bytes]]
HEADER_CHANGES: dict[str, Callable[[Headers], Any]] = {
    "none": lambda _: (),
    "another value": lambda given: [("ce_id", b"2"), *given[1:]],
    "another name": lambda given: [("ce_ID", b"1"), *given[1:]],
    "a null value": lambda given: [("ce_id", None), *given[1:]],
    "another order": lambda given: [given[1], given[0], *given[2:]],
    "one more": lambda given: [*given, ("posada_replay", b"x")],
    "one less": lambda given: given[1:],
    "a byte moved to the next value": lambda given: [("ce_id", b"1p"), ("ce_type", given[1][1][1:]), *given[2:]],
    "a letter moved to the next name": lambda given: [("ce_idc", b"1"), ("e_type", given[1][1]), *given[2:]],
    "one split in two": lambda given: [("ce_", b"id1"), *given[1:]],
    "no MAC": lambda given: given[:-1],
    "the MAC twice": lambda given: [*given, given[-1]],
    "another MAC before it": lambda given: [(MAC, b"1:00"), *given],
    "one behind it": lambda given: [*given, ("a", b"")],
    "the MAC elsewhere": lambda given: [given[-1], *given[:-1]],
    "a MAC cut short": lambda given: [*given[:-1], (MAC, given[-1][1][:10])],
    "an empty MAC": lambda given: [*given[:-1], (MAC, b"")],
    "a null MAC": lambda given: [*given[:-1], (MAC, None)],
    "an unknown key": lambda given: [*given[:-1], (MAC, b"2" + given[-1][1][1:])],
    "a name that is no text": lambda given: [*given, (BrokenName("\\xff"), b"")],
}


class TestMac:
    def test_it_fits_what_was_sent(self) -> None:
        assert SEAL.fits(sealed())
        for nothing in (None, b""):
            headers = SEAL.sealed(REPLIES, nothing, nothing, [("a", None)])
            assert SEAL.fits(raw_record(REPLIES, nothing, key=nothing, headers=headers))

    @pytest.mark.parametrize(
        "changes",
        [
            {"topic": "posada.payments.commands"},
            {"key": b"l"},
            {"key": None},
            {"value": b"{ }"},
            {"value": None},
            {"key": b"k{", "value": b"}"},
        ],
        ids=str,
    )
    def test_it_covers_topic_key_and_body(self, changes: Changes) -> None:
        assert not SEAL.fits(sealed(**changes))

    @pytest.mark.parametrize("change", HEADER_CHANGES.values(), ids=HEADER_CHANGES)
    def test_it_covers_every_header_in_its_order(self, change: Callable[[Headers], Any]) -> None:
        assert not SEAL.fits(sealed(headers=change))

    def test_an_empty_body_is_none_that_is_missing(self) -> None:
        for value, other in ((None, b""), (b"", None)):
            headers = SEAL.sealed(REPLIES, b"k", value, [])
            assert not SEAL.fits(raw_record(REPLIES, other, key=b"k", headers=headers))

    def test_what_is_sealed_again_has_one_mac(self) -> None:
        twice = SEAL.sealed(REPLIES, b"k", b"", iter(SEAL.sealed("elsewhere", b"", b"", HEADERS)))
        assert [name for name, _ in twice] == [name for name, _ in HEADERS] + [MAC]
        assert SEAL.fits(raw_record(REPLIES, b"", key=b"k", headers=twice))

    def test_the_last_secret_signs_and_all_are_recognised(self) -> None:
        before, meanwhile, after = Seal({"1": "a" * 32}), Seal({"1": "a" * 32, "2": "n" * 32}), Seal({"2": "n" * 32})
        assert meanwhile.fits(sealed(before))
        assert meanwhile.fits(sealed(after))
        assert after.fits(sealed(meanwhile))
        assert not after.fits(sealed(before))
        assert not before.fits(sealed(meanwhile))

    def test_it_is_what_the_decision_says(self) -> None:
        """By another hand: the number of parts, their lengths, then the parts."""
        parts = [b"t", b"k", None, b"n", b"v", "éo".encode(), b"w"]
        lengths = [len(parts), *(0xFFFFFFFF if part is None else len(part) for part in parts)]
        text = b"".join(length.to_bytes(4, "big") for length in lengths)
        key = hashlib.blake2b(b"a" * 32, person=b"posada.record.v1", digest_size=32).digest()
        expected = (
            hashlib.blake2b(text + b"".join(part or b"" for part in parts), key=key, digest_size=16)
            .hexdigest()
            .encode()
        )
        assert SEAL.sealed("t", b"k", None, [("n", b"v"), ("éo", b"w")])[-1] == (MAC, b"1:" + expected)

    def test_secrets_are_not_shown(self) -> None:
        assert "bbb" not in repr(BANK) + repr(verifier())


def signed(sender: Sender, topic: str, value: bytes, *headers: tuple[str, bytes]) -> ConsumerRecord[Any, Any]:
    return raw_record(topic, value, headers=sender.signed(topic, value, headers))


class TestSignature:
    def test_a_source_with_a_secret_brings_money(self) -> None:
        assert isinstance(read(signed(BANK, TRANSFERS, TRANSFER)).message, Message)

    @pytest.mark.parametrize(
        "record",
        [
            raw_record(TRANSFERS, TRANSFER),
            signed(CHAT, TRANSFERS, TRANSFER),
            signed(Sender("bank", "x" * 32), TRANSFERS, TRANSFER),
            raw_record(TRANSFERS, TRANSFER, headers=BANK.signed(QUESTIONS, TRANSFER)),
            raw_record(TRANSFERS, TRANSFER.replace(b"690", b"990"), headers=BANK.signed(TRANSFERS, TRANSFER)),
            raw_record(TRANSFERS, TRANSFER, headers=[*BANK.signed(TRANSFERS, TRANSFER), ("ce_id", b"2")]),
            raw_record(TRANSFERS, TRANSFER, headers=[*BANK.signed(TRANSFERS, TRANSFER), ("ce_source", b"bank")]),
            raw_record(TRANSFERS, TRANSFER, headers=[("ce_id", b"1"), *BANK.signed(TRANSFERS, TRANSFER, HEADERS[:1])]),
            raw_record(TRANSFERS, TRANSFER, headers=BANK.signed(TRANSFERS, TRANSFER) * 2),
            raw_record(TRANSFERS, TRANSFER, headers=[(SIGNATURE, b"bank")]),
            raw_record(TRANSFERS, TRANSFER, headers=[(SIGNATURE, b"bank:")]),
            signed(BANK, TRANSFERS, TRANSFER.replace(b'"bank"', b'"other"')),
            signed(BANK, TRANSFERS, TRANSFER.replace(b'"source": "bank", ', b"")),
            raw_record(TRANSFERS, TRANSFER, headers=[*BANK.signed(TRANSFERS, TRANSFER), (MAC, b"1:00")]),
            raw_record(TRANSFERS, TRANSFER, headers=SEAL.sealed(QUESTIONS, None, TRANSFER, ())),
        ],
    )
    def test_no_other_brings_money(self, record: ConsumerRecord[Any, Any]) -> None:
        assert problem(read(record))

    def test_our_own_programs_bring_it_for_every_source(self) -> None:
        record = raw_record(TRANSFERS, TRANSFER, headers=SEAL.sealed(TRANSFERS, None, TRANSFER, ()))
        assert isinstance(read(record).message, Message)

    def test_a_signature_of_one_type_is_worth_nothing_for_another(self) -> None:
        """A mark of frustration and a withdrawal look alike, but for the type in a header."""
        assert isinstance(read(signed(CHAT, QUESTIONS, WITHDRAWAL, WITHDRAW)).message, Message)
        marked = CHAT.signed(QUESTIONS, WITHDRAWAL, [("ce_type", b"posada.payments.mark-frustrated.v1")])
        assert problem(read(raw_record(QUESTIONS, WITHDRAWAL, headers=[WITHDRAW, *marked[1:]])))

    def test_withdrawals_are_taken_from_gateways_with_a_secret_alone(self) -> None:
        assert "not unsigned" in problem(read(raw_record(QUESTIONS, WITHDRAWAL, headers=[WITHDRAW])))
        assert problem(read(signed(BANK, QUESTIONS, WITHDRAWAL, WITHDRAW)))

    def test_questions_are_open_to_a_gateway_without_a_secret(self) -> None:
        assert isinstance(read(raw_record(QUESTIONS, QUESTION)).message, Message)
        named = raw_record(QUESTIONS, QUESTION, headers=[("ce_source", b"other")])
        assert isinstance(read(named).message, Message)
        unknown = signed(Sender("other", "o" * 32), QUESTIONS, QUESTION)
        assert isinstance(read(unknown).message, Message)

    def test_where_gateways_must_sign_no_other_is_heard(self) -> None:
        for record in (raw_record(QUESTIONS, QUESTION), signed(Sender("other", "o" * 32), QUESTIONS, QUESTION)):
            assert "POSADA_GATEWAYS_MUST_SIGN" in problem(read(record, known_alone=True))
            assert problem(read(record, known_alone=True, trusting=True))
        assert isinstance(read(signed(CHAT, QUESTIONS, QUESTION), known_alone=True).message, Message)
        ours = raw_record(QUESTIONS, QUESTION, headers=SEAL.sealed(QUESTIONS, None, QUESTION, ()))
        assert isinstance(read(ours, known_alone=True).message, Message)

    def test_nothing_is_taken_unsigned_in_the_name_of_one_with_a_secret(self) -> None:
        named = ("ce_source", b"chat")
        assert "nothing of it is taken unsigned" in problem(read(raw_record(QUESTIONS, QUESTION, headers=[named])))
        assert isinstance(read(signed(CHAT, QUESTIONS, QUESTION, named)).message, Message)
        assert "own name" in problem(read(signed(CHAT, QUESTIONS, QUESTION, ("ce_source", b"other"))))

    def test_two_secrets_of_a_sender_are_valid_at_once(self) -> None:
        new = Sender("bank", "n" * 32)
        for sender in (BANK, new):
            both = read(signed(sender, TRANSFERS, TRANSFER), sources={"bank": (BANK.secret, new.secret)})
            assert isinstance(both.message, Message)
        assert problem(read(signed(BANK, TRANSFERS, TRANSFER), sources={"bank": (new.secret,)}))

    def test_any_language_makes_it_in_three_lines(self) -> None:
        text = b"\n".join([TRANSFERS.encode(), b"", b"", b"", TRANSFER])
        expected = hmac.new(BANK.secret.encode(), text, "sha256").hexdigest()
        assert BANK.signed(TRANSFERS, TRANSFER) == [(SIGNATURE, f"bank:{expected}".encode())]
        if openssl := shutil.which("openssl"):
            words = (openssl, "dgst", "-sha256", "-hmac", BANK.secret, "-r")
            told = subprocess.run(words, input=text, capture_output=True, check=True).stdout
            assert told.split()[0].decode() == expected

    def test_a_line_break_in_a_header_cannot_stand_for_another_header(self) -> None:
        given = [("ce_type", b"a\nb"), (SIGNATURE, b"bank:00")]
        assert problem(read(raw_record(TRANSFERS, TRANSFER, headers=given)))


def routed() -> Iterator[tuple[str, Topic, type[Message]]]:
    """Every message that a service takes, on every topic where it takes it."""
    for service in SERVICES:
        routes = routes_of(service)
        for kind in filter(attrgetter("type_name"), routes.table):
            for topic in routes.topics:
                if topic.name in {kind.topic.name, f"posada.{service}.internal"}:
                    yield service, topic, kind


OPEN = {
    "posada.booking.requested.v1",
    "posada.availability.count-requested.v1",
    "posada.availability.quote-requested.v1",
    "posada.payments.verify-payment.v1",
    "posada.conversations.chat-message.v1",
}


@pytest.mark.parametrize(("service", "topic", "kind"), list(routed()), ids=lambda one: getattr(one, "name", str(one)))
def test_only_what_gateways_may_ask_is_taken_unsigned(service: str, topic: Topic, kind: type[Message]) -> None:
    """A new message is closed to strangers, unless it is named here."""
    record = raw_record(topic.name, b"{}", headers=[("ce_type", kind.type_name.encode()), ("ce_id", b"1")])
    is_open = kind.type_name in OPEN and topic.writers is Writers.GATEWAYS
    assert read(record, service).verified is is_open
    assert read(record, service, trusting=True).verified
    assert Decoder(routes_of(service)).decode(record, NOW).verified  # and without verifier it is handled


def test_who_may_write_to_the_topics_of_services_are_services_alone() -> None:
    others = {topic.name for topic in ALL_TOPICS if topic.writers is not Writers.SERVICES}
    assert others == {
        REQUESTS,
        QUESTIONS,
        TRANSFERS,
        "posada.availability.requests",
        "posada.conversations.messages",
    }


def test_what_is_not_verified_takes_no_id_from_its_true_sender() -> None:
    genuine, forged = sealed(), sealed(value=b'{"forged": 1}')
    assert read(genuine, "booking").inbox_key != read(forged, "booking").inbox_key
    moved = raw_record(REPLIES, b"{}", headers=[*HEADERS, ("posada_origin", b"posada.payments.commands/0/1")])
    assert read(moved, "booking").origin.startswith(REPLIES)


def test_who_sends_a_recorded_signature_again_makes_no_repetition_of_it() -> None:
    """A signature covers neither header: they are our own programs' to set."""
    sent = CHAT.signed(QUESTIONS, WITHDRAWAL, [WITHDRAW, ("ce_id", b"1")])
    again = [*sent, ("posada_replay", b"x"), ("posada_attempt", b"7")]
    first, second = (read(raw_record(QUESTIONS, WITHDRAWAL, headers=headers)) for headers in (sent, again))
    assert first.inbox_key == second.inbox_key
    assert second.inbox_keys("payments") == [first.inbox_key]
    ours = SEAL.sealed(QUESTIONS, None, WITHDRAWAL, again[:2] + again[3:])
    assert read(raw_record(QUESTIONS, WITHDRAWAL, headers=ours)).envelope.attempt == 7


def test_where_access_lists_are_trusted_a_false_signature_counts_all_the_same() -> None:
    assert isinstance(read(raw_record(TRANSFERS, TRANSFER), sources={}, trusting=True).message, Message)
    assert problem(read(raw_record(TRANSFERS, TRANSFER), trusting=True))  # in the bank's name, and it has a secret
    assert problem(read(signed(Sender("bank", "x" * 32), TRANSFERS, TRANSFER), trusting=True))


class TestSettings:
    def test_without_a_secret_a_service_does_not_start(self) -> None:
        with pytest.raises(ValueError, match="POSADA_KAFKA_RECORDS=trust-access-lists"):
            RecordSettings().refuse_unsigned()
        RecordSettings(kafka_records=TRUSTING).refuse_unsigned()
        RecordSettings(kafka_secrets={"1": "s" * 32}).refuse_unsigned()

    @pytest.mark.parametrize(
        "given",
        [
            {"kafka_secrets": {"1": "short"}},
            {"kafka_secrets": {"a:b": "s" * 32}},
            {"kafka_secrets": {"": "s" * 32}},
            {"source_secrets": {"bank": []}},
            {"source_secrets": {"bank": ["s" * 31]}},
            {"source_secrets": {"bank": ["s" * 32] * 3}},
            {"gateway_secrets": {"a/b": ["s" * 32]}},
            {"kafka_records": "unsigned"},
        ],
        ids=str,
    )
    def test_what_is_wrong_is_refused_by_name(self, given: Any) -> None:
        with pytest.raises(ValidationError, match=next(iter(given))) as refused:
            Settings(**given)
        assert "sssss" not in str(refused.value)
