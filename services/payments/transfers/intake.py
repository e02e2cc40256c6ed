"""What came in from a source, counted where it is taken: the auditor holds it against the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.payment import DESK, Payment, payment_id_of
from shared.contracts.payments import FromSource, TransferArrived, TransferReversed
from shared.messages.message import digest_of

TAKEN_BACK = "taken back by the bank"


@dataclass(frozen=True, slots=True)
class Intake:
    """Lines of a source that were read together, and what became of each of them.

    Of the lines `seen` some were `taken` as new money, `known` before, `passed` over, `broken`, or `sent` on by an
    operator's import: the payments that they are to become. `amounts` is the money taken, by currency; `reasons` counts
    why lines were passed over or broken. `digest` and `layout` say which file it was, and how it was read.
    """

    id: UUID
    source: str
    at: datetime
    seen: int
    taken: int = 0
    known: int = 0
    passed: int = 0
    broken: int = 0
    amounts: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    sent: tuple[UUID, ...] = ()
    file: str = ""
    digest: str = ""
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where lines were read: `source` of the transfers, and if it was a file its name, content and layout."""

    source: str
    file: str = ""
    digest: str = ""
    layout: str = ""
    line: int = 0


def intake_of(
    origin: Origin,
    lines: Sequence[FromSource],
    before: Collection[UUID],
    now: datetime,
    *,
    seen: int,
    passed: Iterable[str] = (),
    broken: Iterable[str] = (),
) -> Intake:
    """Count lines: `seen` in all, with those that were `passed` over or `broken`, of which the reasons are given.

    `before` are the payments that were recorded already. What was taken is counted from what the source said, not from
    what was recorded: the auditor compares the two. Lines of which nothing is new count once, however often they are
    read.
    """
    recorded, sums, known = set(before), dict[str, Decimal](), 0
    over, wrong = list(passed), list(broken)
    for line in lines:
        payment_id = payment_id_of(line.source, line.transfer_id)
        if payment_id not in recorded and isinstance(line, TransferArrived | TransferReversed):
            sums[line.currency] = sums.get(line.currency, NOTHING) + line.amount
            recorded.add(payment_id)
        elif isinstance(line, TransferReversed):
            over.append(TAKEN_BACK)
        else:
            known += 1
    taken = len(recorded) - len(set(before))
    counts = (known, len(over), len(wrong))
    return Intake(
        id=uuid4() if taken else digest_of(*astuple(origin), *counts),
        source=origin.source,
        at=now,
        seen=seen,
        taken=taken,
        known=known,
        passed=len(over),
        broken=len(wrong),
        amounts={currency: f"{amount:.2f}" for currency, amount in sums.items()},
        reasons=Counter([*(f"passed over: {one}" for one in over), *(f"broken: {one}" for one in wrong)]),
        file=origin.file,
        digest=origin.digest,
        layout=origin.layout,
    )


def intakes_of(lines: Sequence[FromSource], before: Collection[UUID], now: datetime) -> list[Intake]:
    """What came in by messages, by source; a batch in which nothing is new leaves none."""
    by_source: dict[str, list[FromSource]] = {}
    for line in lines:
        by_source.setdefault(line.source, []).append(line)
    found = [intake_of(Origin(source), some, before, now, seen=len(some)) for source, some in by_source.items()]
    return [one for one in found if one.taken]


def taken_at_desk(payments: Iterable[Payment], now: datetime) -> list[Intake]:
    """What staff took, of payments that are new."""
    return [
        Intake(uuid4(), DESK, now, 1, taken=1, amounts={payment.currency: f"{payment.amount:.2f}"})
        for payment in payments
        if payment.source == DESK
    ]
