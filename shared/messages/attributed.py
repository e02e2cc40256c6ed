"""A message that acts for whoever sent it."""

from __future__ import annotations

from typing import Self

from pydantic import PrivateAttr

from shared.messages.message import Message


class Attributed(Message):
    """A message that acts for whoever sent it. `sender` is set by whoever took it in, and never read from its body."""

    _sender: str = PrivateAttr("")

    @property
    def sender(self) -> str:
        """Who sent it: `gateway/` and a name over Kafka, `token/` and a subject over HTTP; empty when unknown."""
        return self._sender

    def sent_by(self, sender: str) -> Self:
        """The same, with its sender."""
        copy = self.model_copy()
        copy._sender = sender
        return copy
