"""How a guest writes to us, and to whom a verification names a payment: a gateway with its guest, or a token."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from shared.contracts import legacy_aliases
from shared.contracts.common import Channel, Identifier, Part
from shared.contracts.forms import one_of
from shared.messages.incoming import Incoming
from shared.messages.message import digest_of

TOKEN: Final = "token/"  # noqa: S105 — how the sender of a message over HTTP begins


class Contact(Part):
    """How the guest writes to us; filled in by the gateway, never by an assistant."""

    wa_id: Identifier | None = None
    subscriber_id: Identifier | None = None
    channel: Channel | None = None

    @property
    def identity(self) -> str:
        """By what the gateway knows the guest; empty when it does not say."""
        return (self.wa_id or "").lstrip("+").replace(" ", "") or self.subscriber_id or ""


class RequestingContact(Incoming, Contact):
    """How the guest writes to us, as a gateway says it."""

    names_checked: ClassVar = True

    channel: Annotated[Channel, one_of(Channel, legacy_aliases.CHANNELS)] | None = None


def caller_of(sender: str, contact: Contact) -> str | None:
    """A digest of who asks, without personal data; None when nobody could be told from others.

    Over Kafka the contact is needed as well: one gateway speaks for many guests.
    """
    if sender.startswith(TOKEN):
        return str(digest_of("caller", sender))
    return str(digest_of("caller", sender, contact.identity)) if contact.identity else None
