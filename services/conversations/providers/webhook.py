"""What a provider's webhook is to us, and how its fields are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import ValidationError

from shared.contracts.conversations import ChatMessage
from shared.providers.webhooks import WebhookCall

LONGEST_NAME = 200


class Unreadable(Exception):
    """The call is the provider's and does not say what it should; the text names the field and the remedy."""


class Webhook(Protocol):
    """One provider's webhook."""

    name: str

    def check(self, call: WebhookCall) -> None:
        """Let genuine calls pass, comparing in constant time; raises NotGenuine."""
        ...

    def read(self, call: WebhookCall) -> ChatMessage | None:
        """The message in a genuine call, None where it tells of something else; raises Unreadable."""
        ...


def read_json(call: WebhookCall) -> dict[str, Any]:
    """The JSON object in the body; raises Unreadable."""
    try:
        given = call.json
    except (ValueError, RecursionError) as fault:
        raise Unreadable("body: it is not JSON; send a JSON object") from fault
    if not isinstance(given, dict):
        raise Unreadable("body: it is no JSON object; send one")
    return given


def message_of(fields: Mapping[str, Any]) -> ChatMessage:
    """Our message from fields; raises Unreadable, naming those that do not fit and never their values."""
    try:
        return ChatMessage.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        problem = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)
        raise Unreadable(problem) from error


def read_time(given: object, field: str) -> datetime:
    """A time as ISO 8601 text or as seconds since 1970; raises Unreadable."""
    try:
        if isinstance(given, int | float) or (isinstance(given, str) and given.isascii() and given.isdigit()):
            return datetime.fromtimestamp(float(given), UTC)
        moment = datetime.fromisoformat(str(given))
    except (ValueError, OverflowError, OSError) as fault:
        raise Unreadable(f"{field}: it is no time; send ISO 8601 or seconds since 1970") from fault
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def text_in(given: Mapping[str, Any], *names: str) -> str | None:
    """The first of some fields that holds text or a whole number, as text."""
    for name in names:
        value = given.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def name_in(given: Mapping[str, Any], *names: str) -> str | None:
    """The first of some fields that holds a name, made fit."""
    return clean_name(text_in(given, *names))


def clean_name(given: object) -> str | None:
    """A name that fits: whatever somebody calls themselves or a file, no message is refused for it."""
    if not isinstance(given, str):
        return None
    return "".join(letter for letter in given if letter.isprintable())[:LONGEST_NAME].strip() or None
