"""A second saga, with no hotel in it: a parcel that is packed, insured, handed over, and then billed and tracked.

Some parcels are gifts: these are wrapped before they are insured, and a card is sent behind them.
"""

from __future__ import annotations

from dataclasses import replace

from shared.messages.message import Message, Outgoing
from shared.saga.state import SagaData
from shared.saga.table import SagaTable, compensable, pivot, retriable


class Word(Message):
    """Anything that is said about the parcel; `what` is never looked at."""

    what: str = ""


class Packed(Word):
    """It is packed."""


class TooLarge(Word):
    """It cannot be packed."""


class Unpacked(Word):
    """It is not packed any more."""


class Wrapped(Word):
    """It is wrapped as a gift."""


class Unwrapped(Word):
    """It is not wrapped any more."""


class Insured(Word):
    """It is insured."""


class Uninsured(Word):
    """It is not insured any more."""


class Billed(Word):
    """The bill is out."""


class Tracked(Word):
    """Its way is followed."""


class CardSent(Word):
    """A card is on its way."""


class Parcel(SagaData):
    """What the saga knows."""

    gift: bool = False
    steps: tuple[str, ...] = ()


def _heard(parcel: Parcel, word: Word) -> Parcel:
    return parcel.but(steps=(*parcel.steps, type(word).__name__))


PARCEL: SagaTable[Parcel] = SagaTable(
    name="parcel",
    data=Parcel,
    steps=(
        compensable(
            "pack",
            do=lambda *_: [Word(what="pack")],
            done=Packed,
            on_reply=_heard,
            refused=TooLarge,
            undo=lambda *_: [Word(what="unpack")],
            undone=Unpacked,
        ),
        compensable(
            "wrap",
            when=lambda parcel: parcel.gift,
            do=lambda *_: [Word(what="wrap")],
            done=Wrapped,
            on_reply=_heard,
            undo=lambda *_: [Word(what="unwrap")],
            undone=Unwrapped,
        ),
        compensable(
            "insure",
            do=lambda *_: [Word(what="insure")],
            done=Insured,
            on_reply=_heard,
            undo=lambda *_: [Word(what="cancel insurance")],
            undone=Uninsured,
        ),
        pivot("hand over", do=lambda *_: [Outgoing(Word(what="handed over"), id="handed over")]),
        retriable("bill", do=lambda *_: [Word(what="bill")], done=Billed, on_reply=_heard),
        retriable(
            "send a card",
            when=lambda parcel: parcel.gift,
            do=lambda *_: [Word(what="card")],
            done=CardSent,
            on_reply=_heard,
        ),
        retriable("track", do=lambda *_: [Outgoing(Word(what="handed over"), id="handed over")], done=Tracked),
    ),
    refuse=lambda *_: [Word(what="not handed over")],
)


def without_undo(table: SagaTable[Parcel], name: str) -> SagaTable[Parcel]:
    """The table with a step whose undoing asks nobody for anything."""
    steps = tuple(replace(step, undo=lambda *_: ()) if step.name == name else step for step in table.steps)
    return replace(table, steps=steps)
