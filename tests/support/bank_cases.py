"""Files as banks write them, from the folders in `cases`, and what a reader makes of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from services.payments.feeds.formats import FORMATS, format_of
from services.payments.feeds.lines import BrokenLine, Line, PassedOver
from shared.contracts.payments import TransferArrived, TransferReversed

CASES: Final = Path(__file__).parent / "cases"


def read_case(folder: str, name: str = "", **layout: Any) -> list[Line]:
    """The lines of a file of a case, in the layout that lies beside it; `layout` says what else that says."""
    names = [name] if name else [f"a{suffix}" for one in FORMATS for suffix in one.suffixes]
    file = next(CASES / folder / one for one in names if (CASES / folder / one).is_file())
    return read_as(file.name, file.read_bytes(), **layout_of(folder) | layout)


def read_as(name: str, content: str | bytes, **layout: Any) -> list[Line]:
    """The lines of a file of this name."""
    written = format_of(name) or FORMATS[0]
    content = content.encode() if isinstance(content, str) else content
    return list(written.reader(written.layout.model_validate(layout))(io.BytesIO(content)))


def layout_of(folder: str) -> dict[str, Any]:
    """The layout in a case, else one that names its source alone."""
    file = CASES / folder / "bank.yaml"
    given: dict[str, Any] = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else {}
    return given or {"source": f"case-{folder}"}


def money(lines: Sequence[Line]) -> list[str]:
    """What arrived, line by line."""
    return [f"{line.amount} {line.currency}" for line in lines if isinstance(line, TransferArrived)]


def arrived(lines: Sequence[Line]) -> list[TransferArrived]:
    """The lines that are money."""
    return [line for line in lines if isinstance(line, TransferArrived)]


def reversed_in(lines: Sequence[Line]) -> list[TransferReversed]:
    """What the bank took back."""
    return [line for line in lines if isinstance(line, TransferReversed)]


def broken(lines: Sequence[Line]) -> list[BrokenLine]:
    """The lines that a person has to look at."""
    return [line for line in lines if isinstance(line, BrokenLine)]


def passed(lines: Sequence[Line]) -> list[str]:
    """Why lines were passed over."""
    return [line.reason for line in lines if isinstance(line, PassedOver)]


def ids(lines: Sequence[Line]) -> list[str]:
    """The ids of the lines that are money."""
    return [line.transfer_id for line in arrived(lines)]
