"""What every provider is to the rest of the service: its settings, its senders, and the reader of its reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from services.notifications.delivery import Channel, Delivery, Status
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.report import Greeting, ReportReader
from shared.outbound.client import ClientLimits
from shared.settings import ExternalSystem, SettingsFragment

S = TypeVar("S", bound=SettingsFragment)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider took the message: under which id, and what it said of it."""

    provider_id: str | None
    provider_status: str
    status: Status = Status.SENT


class Sender(Protocol):
    """An adapter to one provider."""

    @property
    def name(self) -> str:
        """The provider, for the delivery log."""
        ...

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand a message over, in the delivery's form.

        Raises CallFailed, or another exception for a fault that may pass.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


IsAnothers = Callable[[str], Awaitable[bool]]


@runtime_checkable
class Tracer(Protocol):
    """An adapter whose provider can be asked whether it has a message already: what closes the window of a crash."""

    async def trace(self, delivery: Delivery, is_anothers: IsAnothers) -> Receipt | None:
        """The receipt of an earlier attempt, None if there was none. Raises CallFailed where it cannot tell.

        `is_anothers` says of a provider's id whether that message belongs to another delivery; it is asked where a
        message is known by its words alone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What every provider is given: the bounds of its calls, and how its reports reach us and prove their origin."""

    limits: ClientLimits
    callbacks: Callbacks | None = None
    webhook_token: str = ""


@dataclass(frozen=True, slots=True)
class Provider(Generic[S]):
    """One provider, chosen by its settings.

    `senders` gives none where its settings are not set, `reports` none where its secrets are not: then its webhook
    lets nobody in. `systems` are what it is called at, `together` settings of which either all are set or none.
    `greeting` is where it asks what a call to staff has to say.
    """

    name: str
    settings: type[S]
    senders: Callable[[S, Setup], Mapping[Channel, Sender]]
    systems: tuple[ExternalSystem, ...]
    reports: Callable[[S, Setup], ReportReader | None] | None = None
    report_methods: tuple[str, ...] = ("POST",)
    together: tuple[tuple[str, ...], ...] = ()
    greeting: Callable[[S, Setup], Greeting] | None = None


AnyProvider = Provider[Any]
