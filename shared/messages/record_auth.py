"""Says who wrote a Kafka record, without the broker's help: our own carry a MAC, those of other senders a signature."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaProducer, ConsumerRecord

from shared.kafka.lenient_records import broken_names
from shared.kafka.topics import Topic, Writers
from shared.messages.message import Envelope, Headers, Message, message_types

MAC: Final = "posada_mac"
SIGNATURE: Final = "posada_signature"
Record: TypeAlias = "ConsumerRecord[Any, Any]"
Secrets: TypeAlias = Mapping[str, Sequence[str]]  # all that are valid of each sender, the one that signs last

_NOTHING = 0xFFFFFFFF  # the length of what is null: an empty body is another one
_MAC_BYTES = 16
_PURPOSE = b"posada.record.v1"  # a MAC made with the same secret for anything else fits no record
_SIGNED_HEADERS = ("ce_type", "ce_source", "ce_id")


class NotVerified(Exception):
    """A record that nobody who may has written; the message says what is missing, and the remedy."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Who wrote a record: one of our services (`internal`), a `sender` that signed it, or, with neither, an unknown."""

    internal: bool = False
    sender: str = ""


INTERNAL: Final = Verified(internal=True)


class Seal:
    """The installation's secrets, by key id: the last one signs, all of them are recognised."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Raises ValueError where there is none."""
        if not secrets:
            raise ValueError("a seal needs a secret")
        self._keyed = {key_id.encode(): _keyed(secret) for key_id, secret in secrets.items()}
        self._signs, self._last = list(self._keyed.items())[-1]

    def sealed(self, topic: str, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, Any]]) -> Headers:
        """The headers with the MAC behind them, in place of one that stood there."""
        given = list(headers)
        if given and given[-1][0] == MAC:
            given.pop()
        given.append((MAC, self._signs + b":" + _mac(self._last, topic, key, value, given)))
        return given

    def fits(self, record: Record) -> bool:
        """Whether the record ends with a MAC that is ours and covers it as it stands there."""
        if not is_sealed(record) or broken_names(record.headers):
            return False
        *headers, (_, given) = record.headers
        key_id, _, mac = (given or b"").partition(b":")
        keyed = self._keyed.get(key_id)
        return keyed is not None and compare_digest(mac, _mac(keyed, record.topic, record.key, record.value, headers))


def is_sealed(record: Record) -> bool:
    """Whether a record says to be one of our own; whether it is remains to be seen."""
    return bool(record.headers) and record.headers[-1][0] == MAC


def _keyed(secret: str) -> blake2b:
    key = blake2b(secret.encode(), person=_PURPOSE, digest_size=32).digest()
    return blake2b(key=key, digest_size=_MAC_BYTES)


def _mac(
    keyed: blake2b, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, Any]]
) -> bytes:
    """Keyed BLAKE2b (RFC 7693) over everything, behind its lengths, so that no two records look alike."""
    parts = [topic.encode(), key, value]
    for name, content in headers:
        parts += (name.encode(), content)
    try:
        text = b"".join(parts)  # type: ignore[arg-type]  # see below
        lengths: Iterable[int] = map(len, parts)  # type: ignore[arg-type]
    except TypeError:  # something is null, which is another thing than empty
        text = b"".join([part or b"" for part in parts])
        lengths = [_NOTHING if part is None else len(part) for part in parts]
    digest = keyed.copy()
    digest.update(_packing(len(parts) + 1)(len(parts), *lengths) + text)
    return digest.hexdigest().encode()


@lru_cache
def _packing(numbers: int) -> Callable[..., bytes]:
    return Struct(f">{numbers}I").pack


class SealingProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """A producer whose every record carries our MAC; without a seal it sends them as they are."""

    def __init__(self, seal: Seal | None, **options: Any) -> None:
        super().__init__(**options)
        self._seal = seal

    async def send(  # noqa: PLR0917  # as the class above has it
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Iterable[tuple[str, Any]] | None = None,
    ) -> Any:
        """The same as aiokafka's, sealed at the last moment: what is sent again later is sealed by today's secret."""
        given = list(headers or ())
        if self._seal is not None:
            given = self._seal.sealed(topic, key, value, given)
        return await super().send(topic, value, key, partition, timestamp_ms, given)


@dataclass(frozen=True, slots=True)
class Sender:
    """A gateway or a source of money that was given a secret."""

    name: str
    secret: str = field(repr=False)

    def signed(self, topic: str, value: bytes | None, headers: Iterable[tuple[str, Any]] = ()) -> Headers:
        """The headers with this sender's signature behind them."""
        given = [(name, content) for name, content in headers if name.lower() != SIGNATURE]
        text = _signed_text(topic, value, given)
        return [*given, (SIGNATURE, self.name.encode() + b":" + _signature(self.secret, text))]


def _signed_text(topic: str, value: bytes | None, headers: Iterable[tuple[str, Any]]) -> bytes:
    """What a signature covers: topic, type, source and id in a line each, empty where there is none, and the body.

    Raises:
        NotVerified: where a header could be read in two ways.
    """
    found: dict[str, bytes] = {}
    for name, content in headers:
        if (lower := name.lower()) in _SIGNED_HEADERS:
            if lower in found or b"\n" in (content or b""):
                raise NotVerified(f"{lower}: a signed record has it once, in one line")
            found[lower] = content or b""
    return b"\n".join([topic.encode(), *[found.get(name, b"") for name in _SIGNED_HEADERS], value or b""])


def _signature(secret: str, text: bytes) -> bytes:
    return hmac.digest(secret.encode(), text, "sha256").hex().encode()


@dataclass(frozen=True, slots=True)
class RecordVerifier:
    """Whom a service believes on which of its topics.

    With `trusting` the broker's access lists say who writes where: what is not signed is believed, except in the name
    of a sender that has a secret. With `known_alone` a gateway that has none is not heard at all.
    """

    seal: Seal | None
    topics: Mapping[str, Topic]
    gateways: Secrets = field(default_factory=dict, repr=False)
    sources: Secrets = field(default_factory=dict, repr=False)
    trusting: bool = False
    known_alone: bool = False

    def verify(self, record: Record, envelope: Envelope) -> Verified:
        """Who wrote it, from its bytes alone: nothing of the body is read.

        Raises:
            NotVerified: when it was nobody who may.
        """
        if self.seal is not None and is_sealed(record):
            if self.seal.fits(record):
                return INTERNAL
            if not self.trusting:
                raise NotVerified(f"{MAC}: it fits none of POSADA_KAFKA_SECRETS, or the record was changed")
        topic = self.topics.get(record.topic)
        writers = topic.writers if topic else Writers.SERVICES
        if writers is Writers.SERVICES:
            if self.trusting:
                return INTERNAL
            raise NotVerified(f"{MAC}: only programs with POSADA_KAFKA_SECRETS may write to {record.topic}")
        sender = self._signer(record, self.gateways if writers is Writers.GATEWAYS else self.sources)
        if writers is Writers.GATEWAYS:
            self._refuse_gateway(sender, envelope.source, record.topic)
        kind = message_types().get(envelope.type)
        if kind is not None and kind.is_signed and not sender and not self.trusting:
            raise NotVerified(
                f"{SIGNATURE}: {envelope.type} is taken from senders with a secret alone, and not unsigned"
            )
        return Verified(sender=sender)

    def _signer(self, record: Record, secrets: Secrets) -> str:
        """Whose signature it bears; empty where it bears none, or that of a sender without a secret here."""
        signatures = [content or b"" for name, content in record.headers if name.lower() == SIGNATURE]
        if not signatures:
            return ""
        name, _, given = signatures[0].rpartition(b":")
        sender = name.decode("utf-8", "replace")
        known = secrets.get(sender, ())
        if not known:
            return ""
        text = _signed_text(record.topic, record.value, record.headers)
        fits = [compare_digest(given, _signature(secret, text)) for secret in known]
        if len(signatures) > 1 or not any(fits):
            raise NotVerified(f"{SIGNATURE}: it is none of {sender}'s over this topic, type, source, id and body")
        return sender

    def _refuse_gateway(self, sender: str, named: str, topic: str) -> None:
        """Raises NotVerified for a record in another sender's name, or one that is unsigned and must not be."""
        if sender and named not in {sender, "kafka", f"kafka/{topic}"}:  # the latter two stand for no name
            raise NotVerified(f"ce_source: {sender} signed it, and speaks in its own name alone or in none")
        if not sender and named in self.gateways:
            raise NotVerified(f"{SIGNATURE}: {named} has a secret, and nothing of it is taken unsigned")
        if not sender and self.known_alone:
            raise NotVerified(f"{SIGNATURE}: gateways without a secret are not heard (POSADA_GATEWAYS_MUST_SIGN)")

    def false_speaker(self, writer: Verified, message: Message) -> str:
        """What is wrong with a message that names its sender in its body; empty where nothing is."""
        if writer.internal or not message.speaker_field:
            return ""
        named = str(getattr(message, message.speaker_field))
        if writer.sender and named != writer.sender:
            return f"{message.speaker_field}: {writer.sender} signed it, and speaks in its own name alone"
        if not writer.sender and named in self.sources:
            return f"{SIGNATURE}: {named} has a secret, and nothing of it is taken unsigned"
        return ""
