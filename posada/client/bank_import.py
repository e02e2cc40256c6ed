"""Brings a bank's file in: what is new is published, what is known compared, what is broken kept for correction."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, Final

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from posada.client.booking_events import producer, publish
from posada.client.http import tell
from posada.output import err
from posada.problems import Problem
from services.payments.feeds.formats import Layout
from services.payments.feeds.history import arrivals, counts_twice, digest_of_file, digest_of_layout
from services.payments.feeds.lines import BrokenLine, Line, PassedOver
from services.payments.transfers.payment import payment_of
from shared.clock import system_clock
from shared.contracts.payments import FromSource, TransferArrived, TransferReversed
from shared.messages.record_auth import Seal
from shared.safety.files import shown

AT_ONCE: Final = 500  # lines in memory
SHOWN: Final = 100  # broken lines that are printed one by one, and as many contradictions
LINGER_MS: Final = 20
NO_PAYMENTS: Final = "no payments service runs here; correct them and import the file again"
REMEDY: Final = "ask the bank which is right; what was recorded first counts"


@dataclass
class Taken:
    """What came of a file: lines taken, there already, broken, and those that contradict what was recorded before.

    `passed` counts what is no money that came in, by the reason; `reversed` what the bank took back.
    `known` is None where no payments service was there to be asked: then `taken` counts those lines as well. Of the
    lines that were not taken `kept` are kept for correction; `not_kept` is why others are not, and `not_noted` why the
    auditor does not know what was sent on.
    """

    taken: int = 0
    known: int | None = None
    broken: int = 0
    broken_lines: list[dict[str, Any]] = field(default_factory=list)
    contradicting: int = 0
    contradictions: list[str] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    reversed: int = 0
    kept: int = 0
    not_kept: str = ""
    not_noted: str = ""

    def note(self, line: BrokenLine) -> None:
        """Count a broken line and tell it if it is among the first."""
        self.broken += 1
        if len(self.broken_lines) < SHOWN:
            told = {"number": line.number, "field": line.field, "problem": line.problem, "remedy": line.remedy}
            self.broken_lines.append(told)

    def note_contradiction(self, problem: str) -> None:
        """The same of a line that says otherwise than before."""
        self.contradicting += 1
        if len(self.contradictions) < SHOWN:
            self.contradictions.append(problem)


@dataclass
class Importing:
    """The import of one `file` that `read` reads as the `layout` says.

    `payments_url` is where payments is asked, if it runs. What it publishes bears the `seal`.
    """

    read: Callable[[BinaryIO], Iterator[Line]]
    layout: Layout
    file: str
    payments_url: str | None = None
    seal: Seal | None = None
    taken: Taken = field(default_factory=Taken)
    digest: str = ""
    read_before: int = 0

    async def bring_in(self, bootstrap: str, stream: BinaryIO, size: int | None) -> Taken:
        """Publish the file's lines, a bounded number at a time; each is on the broker before the next are read.

        A file whose lines would count twice, because it was taken under another layout, is told and not read.
        """
        self.taken.known = 0 if self.payments_url else None
        if twice := await asyncio.to_thread(self._counts_twice, stream):
            self.taken.note(twice)
            await asyncio.to_thread(self._keep, [twice])
            return self.taken
        lines = self.read(stream)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        async with producer(bootstrap, self.seal, linger_ms=LINGER_MS) as client:
            with Progress(*columns, console=err(), disable=not err().is_terminal) as bar:
                task = bar.add_task("importing", total=size)
                while some := list(islice(lines, AT_ONCE)):
                    fresh = await asyncio.to_thread(self._sorted, some)
                    await asyncio.gather(*[await publish(client, line) for line in fresh])
                    self.taken.taken += sum(isinstance(line, TransferArrived) for line in fresh)
                    done = stream.tell() if size else None
                    bar.update(task, description=f"{self.taken.taken} lines", completed=done)
        return self.taken

    def _counts_twice(self, stream: BinaryIO) -> BrokenLine | None:
        """Why the file is not read under this layout; None where it may be, or nobody can be asked."""
        if not self.payments_url:
            return None
        self.digest = digest_of_file(stream)
        stream.seek(0)
        asked = {"digest": self.digest, "layout": digest_of_layout(self.layout)}
        before = tell(self.payments_url, "/payment-feeds/files", asked)["taken"]
        if not before:
            return None
        recorded = 0
        for some in arrivals(self.read, stream):
            told = {"source": self.layout.source, "transfer_ids": [line.transfer_id for line in some]}
            recorded += len(tell(self.payments_url, "/payments/known", told))
        stream.seek(0)
        return counts_twice(before, recorded)

    def _sorted(self, lines: Sequence[Line]) -> list[TransferArrived | TransferReversed]:
        """The lines that are new; the others are counted, and kept if a person has to look at them.

        What the bank took back is published each time: payments recognises what it has recorded.
        """
        self.taken.passed.update(line.reason for line in lines if isinstance(line, PassedOver))
        gone = [line for line in lines if isinstance(line, TransferReversed)]
        self.taken.reversed += len(gone)
        broken = [line for line in lines if isinstance(line, BrokenLine)]
        for line in broken:
            self.taken.note(line)
        money = [line for line in lines if isinstance(line, TransferArrived)]
        fresh, twice = _each_once(money)
        recorded = self._recorded(fresh)
        known_before = self.taken.known or 0
        said = [*twice, *((line, "; ".join(recorded.get(_key(line), ()))) for line in fresh)]
        wrong = [_contradiction(line, problem) for line, problem in said if problem]
        for contradiction in wrong:
            self.taken.note_contradiction(contradiction.problem)
        if self.taken.known is not None:
            self.taken.known += sum(not differences for differences in recorded.values())
            self.taken.known += sum(not problem for _, problem in twice)
        self._keep([*broken, *wrong])
        sent: list[TransferArrived | TransferReversed] = [
            *(line for line in fresh if _key(line) not in recorded),
            *gone,
        ]
        self._note(lines, [*broken, *wrong], sent, (self.taken.known or 0) - known_before)
        return sent

    def _note(
        self, lines: Sequence[Line], broken: Sequence[BrokenLine], sent: Sequence[FromSource], known: int
    ) -> None:
        """Note what is about to be sent on, so that the auditor misses what does not arrive."""
        if not self.payments_url:
            return
        noted = {
            "source": self.layout.source,
            "file": shown(self.file),
            "digest": self.digest,
            "layout": digest_of_layout(self.layout),
            "line": self.read_before,
            "seen": len(lines),
            "known": known,
            "passed": Counter(line.reason[:100] for line in lines if isinstance(line, PassedOver)),
            "broken": Counter(line.field[:100] for line in broken),
            "sent": [line.transfer_id for line in sent],
        }
        self.read_before += len(lines)
        try:
            tell(self.payments_url, "/payment-feeds/intake", noted)
        except Problem as problem:
            self.taken.not_noted = str(problem)

    def _recorded(self, arrivals: Sequence[TransferArrived]) -> dict[tuple[str, str], list[str]]:
        """What payments knows already of some lines, each with what it says otherwise."""
        if not self.payments_url or not arrivals:
            return {}
        asked = {"transfers": [line.model_dump(mode="json", exclude_none=True) for line in arrivals]}
        found = tell(self.payments_url, "/payment-feeds/compare", asked)
        return {(one["source"], one["transfer_id"]): one["differences"] for one in found}

    def _keep(self, lines: Sequence[BrokenLine]) -> None:
        if not lines:
            return
        if not self.payments_url:
            self.taken.not_kept = NO_PAYMENTS
            return
        told = {"source": self.layout.source, "file": shown(self.file), "lines": [_told(line) for line in lines]}
        try:
            self.taken.kept += tell(self.payments_url, "/payment-feeds/broken-lines", told)["kept"]
        except Problem as problem:
            self.taken.not_kept = str(problem)


def _each_once(arrivals: Sequence[TransferArrived]) -> tuple[list[TransferArrived], list[tuple[TransferArrived, str]]]:
    """Lines with an id of their own, and those whose id came before: with what they say otherwise, or nothing."""
    first: dict[tuple[str, str], TransferArrived] = {}
    twice: list[tuple[TransferArrived, str]] = []
    for line in arrivals:
        known = first.setdefault(_key(line), line)
        if known is not line:
            now = system_clock()
            twice.append((line, "; ".join(payment_of(known, now).differences(payment_of(line, now)))))
    return list(first.values()), twice


def _key(line: TransferArrived) -> tuple[str, str]:
    return line.source, line.transfer_id


def _contradiction(line: TransferArrived, problem: str) -> BrokenLine:
    field_name = problem.partition(" ")[0]
    text = f"transfer {line.transfer_id} of {line.source}: {problem}"
    return BrokenLine(0, field_name, text, REMEDY, line.model_dump_json(exclude_none=True))


def _told(line: BrokenLine) -> dict[str, Any]:
    """A broken line as JSON and a database carry it: bytes of another encoding and null characters become marks."""
    facts = {"field": line.field[:100], "problem": line.problem[:1000], "remedy": line.remedy[:1000]}
    facts |= {"line": line.text[:10_000]}
    marked = {
        name: text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")
        for name, text in facts.items()
    }
    return {"number": line.number, **marked}
