"""Message models with versioned type names, and their CloudEvents envelope in Kafka headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.kafka.topics import Topic
from shared.observability.tracing import continued

Headers = list[tuple[str, bytes]]
LINGER_SECONDS = 0.2  # how long messages that are not urgent may wait, so that several travel together
LONGEST_REFERENCE = 100
LONGEST_HEADER = 500  # bytes of a context header of ours; one that is longer, or no text, makes the message invalid

_REGISTRY: dict[str, type[Message]] = {}
_ALWAYS: Headers = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]


class Message(BaseModel):
    """A message that crosses a service: frozen, validated, and tolerant of fields that a later version added.

    A subclass that names a `type` is registered under it and says which topic it travels on and which of its
    fields is the Kafka key: `class RoomsHeld(Message, type="….v1", topic=REPLIES, key="booking_id")`. One without a
    type is a command that is given over HTTP alone.

    `urgent=False` is for messages that nobody waits for: they are sent together, up to LINGER_SECONDS later, and
    processed in the background. `durable=False` is for news of little weight: it is sent behind the commit, and a crash
    between the two loses it. What steers money and comes from outside is `signed=True`; `speaker` is the field, if any,
    that names its sender.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type_name: ClassVar[str] = ""
    topic: ClassVar[Topic]
    key_field: ClassVar[str]
    urgent: ClassVar[bool] = True
    durable: ClassVar[bool] = True
    is_signed: ClassVar[bool] = False
    speaker_field: ClassVar[str] = ""

    def __init_subclass__(cls, **_declared: Any) -> None:
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        type: str = "",  # noqa: A002
        topic: Topic | None = None,
        key: str = "",
        urgent: bool = True,
        durable: bool = True,
        signed: bool = False,
        speaker: str = "",
        **extra: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**extra)
        if not type:
            return
        if type in _REGISTRY:
            raise TypeError(f"two messages are named {type}")
        if topic is None or key not in cls.model_fields:
            raise TypeError(f"{type} needs a topic and the name of one of its fields as key")
        cls.type_name, cls.topic, cls.key_field = type, topic, key
        cls.urgent, cls.durable = urgent, durable
        cls.is_signed, cls.speaker_field = signed, speaker
        _REGISTRY[type] = cls

    @classmethod
    def from_wire(cls, body: bytes, reference: str) -> Self:
        """Read a message from a Kafka record's value; `reference` is its CloudEvents source and id in one.

        Raises:
            pydantic.ValidationError: naming every field that does not fit.
        """
        del reference
        return cls.model_validate_json(body)

    @property
    def key(self) -> str:
        """The Kafka key: messages that share it keep their order."""
        return str(getattr(self, self.key_field))

    @property
    def is_urgent(self) -> bool:
        """Whether a caller waits for it; a type whose messages differ in that says for which."""
        return self.urgent

    @property
    def correlation(self) -> str:
        """The conversation that the message belongs to where it begins one: its booking, else its key."""
        return str(getattr(self, "booking_id", self.key))

    @property
    def booking(self) -> str:
        """The booking that the message is about, for logs and traces; empty where it names none.

        Never its key, which may be a person's phone number.
        """
        return str(getattr(self, "booking_id", ""))


def message_types() -> Mapping[str, type[Message]]:
    """Every registered message by its versioned type name."""
    return _REGISTRY


@dataclass(slots=True)  # not frozen, as nobody changes one: a frozen one takes four times as long to make
class Envelope:
    """The CloudEvents context of a message.

    `correlation` names the conversation that it belongs to (a booking), `causation` the message that led to it,
    `attempt` how often its handling has failed so far, `replay` a repetition that has to be handled once more.
    `sender` is who sent it first, which we write down for a later attempt. Times are UTC.
    """

    id: str
    type: str
    source: str
    correlation: str = ""
    causation: str = ""
    traceparent: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempt: int = 0
    replay: str = ""
    sender: str = ""

    def inbox_key(self, service: str, topic: str, attempt: int | None = None) -> UUID:
        """What a service's inbox remembers of a message that came by a topic.

        CloudEvents makes `source` and `id` unique, but whoever may write to one topic must not claim what comes by
        another: so the topic counts too. Each attempt is remembered by itself; unset, it is this one.
        """
        attempt = self.attempt if attempt is None else attempt
        return digest_of(service, topic, self.source, self.id, attempt, self.replay)

    @property
    def reference(self) -> str:
        """Source and id in one text, for what needs an id and brings none; a digest where it would be long."""
        text = f"{self.source}/{self.id}"
        return text if len(text) <= LONGEST_REFERENCE else str(digest_of(self.source, self.id))

    def headers(self) -> Headers:
        """Kafka headers in CloudEvents' binary mode; empty ones are left out."""
        return [
            *_ALWAYS,
            ("ce_id", self.id.encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", self.time.isoformat().encode()),
            *[(name, value.encode()) for name, value in self._optional() if value],
        ]

    def _optional(self) -> Iterable[tuple[str, str]]:
        return (
            ("ce_correlationid", self.correlation),
            ("ce_causationid", self.causation),
            ("traceparent", self.traceparent),
            ("posada_attempt", str(self.attempt) if self.attempt else ""),
            ("posada_replay", self.replay),
            ("posada_sender", self.sender),
        )

    @classmethod
    def from_headers(
        cls,
        headers: Iterable[tuple[str, bytes | None]],
        *,
        topic: str,
        place: str,
        type_name: str,
        now: datetime,
    ) -> Envelope:
        """The same as `of_context`, from Kafka headers."""
        return cls.of_context(read_context(headers), topic=topic, place=place, type_name=type_name, now=now)

    @classmethod
    def of_context(cls, context: Context, *, topic: str, place: str, type_name: str, now: datetime) -> Envelope:
        """The envelope of a record; what a client left out of the context is taken from the other arguments.

        `place` is where in its topic the record stands, in words that no other record there ever has.
        """
        given = context.given
        return cls(
            id=given.get("ce_id") or f"{topic}/{place}",
            type=given.get("ce_type") or type_name,
            source=given.get("ce_source") or (f"kafka/{topic}" if "ce_id" in given else "kafka"),
            correlation=given.get("ce_correlationid", ""),
            causation=given.get("ce_causationid", ""),
            traceparent=continued(given.get("traceparent", "")),
            time=now,
            attempt=_count(given.get("posada_attempt")),
            replay=given.get("posada_replay", ""),
            sender=given.get("posada_sender", ""),
        )


_CONTEXT = frozenset(
    {
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_correlationid",
        "ce_causationid",
        "traceparent",
        "posada_attempt",
        "posada_replay",
        "posada_sender",
    }
)


class Context(NamedTuple):
    """The context headers of a record by name, without those that are wrong, and what is wrong with these."""

    given: dict[str, str]
    problems: tuple[dict[str, str], ...]


def read_context(headers: Iterable[tuple[str, bytes | None]]) -> Context:
    """The context headers of a record, each decoded once; a bad traceparent is just not used.

    Read loosely, two ids that are no text could become one, and one message would hide the other.
    """
    given: dict[str, str] = {}
    problems: dict[str, str] = {}
    for written, value in headers:
        name = written.lower()
        if name not in _CONTEXT or not value:
            continue
        text = _text(value)
        if name in given or name in problems:
            problems[name] = "is given more than once: send it once"
        elif text is None:
            problems[name] = f"must be printable text in UTF-8, at most {LONGEST_HEADER} bytes: correct it"
        else:
            given[name] = text
    if not problems:
        return Context(given, ())
    problems.pop("traceparent", None)
    listed = tuple({"field": name, "problem": problem} for name, problem in problems.items())
    return Context({name: text for name, text in given.items() if name not in problems}, listed)


def _text(value: bytes) -> str | None:
    if len(value) > LONGEST_HEADER:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way out: `id` is fixed where a repetition must be known as one, `due` where it must wait.

    `replay` names a repetition that its readers must act on again although they know the id.
    """

    message: Message
    id: str = ""
    due: datetime | None = None
    topic: Topic | None = None
    replay: str = ""

    @classmethod
    def of(cls, message: Message | Outgoing) -> Outgoing:
        """Wrap a bare message; one that is wrapped stays as it is."""
        return message if isinstance(message, Outgoing) else cls(message)


def digest_of(*parts: object) -> UUID:
    """A UUID that stands for some parts: the same for the same ones, and cheaper than RFC 9562's version 5."""
    return UUID(bytes=blake2b("\n".join(map(str, parts)).encode(), digest_size=16).digest())


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0  # noqa: PLR2004
