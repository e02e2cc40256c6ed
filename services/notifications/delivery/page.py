"""The page of an e-mail: its words in parts, of which its text is made at once, and its HTML only when it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template as Layout
from typing import Any, Final

from pydantic import TypeAdapter

_LAYOUT: Final = Layout(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_EMPTY_LINES: Final = re.compile(r"\n{3,}")
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """An e-mail's words, as they are kept. `contact` is the sentence with which it ends, empty for none.

    `parts` are pairs of a kind (`p`, `facts`, `room_list`, `items`, `button`, `note`) and what it holds.
    """

    language: str
    property_name: str
    heading: str
    contact: str = ""
    parts: list[tuple[str, Any]] = field(default_factory=list)

    def to_text(self) -> str:
        """The plain text, for readers without HTML and for staff."""
        blocks = [self.heading, *(_TEXT[kind](held) for kind, held in self.parts), self.contact, self.property_name]
        return _EMPTY_LINES.sub("\n\n", "\n\n".join(filter(None, blocks))).strip()

    def to_html(self, subject: str) -> str:
        """The HTML, written anew each time."""
        contact = f'<tr><td class="pad" style="{_FOOT}">{escape(self.contact)}</td></tr>' if self.contact else ""
        return _LAYOUT.substitute(
            language=self.language,
            title=escape(subject),
            property_name=escape(self.property_name),
            heading=escape(self.heading),
            body="\n".join(_HTML[kind](held) for kind, held in self.parts),
            contact=contact,
        )


class PageParts:
    """The forms that an e-mail's template calls: each call adds a part and writes nothing itself."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, Any]] = []
        self.forms: Mapping[str, Callable[..., str]] = {
            "p": lambda text: self._add("p", str(text)),
            "note": lambda text: self._add("note", str(text)),
            "items": lambda rows: self._add("items", [str(row) for row in rows]),
            "button": lambda label, url: self._add("button", [str(label), str(url)]),
            "facts": lambda rows: self._add(
                "facts", [[str(label), str(value)] for label, value in rows if value is not None and value != ""]
            ),
            "room_list": lambda rows, total: self._add(
                "room_list", [[[str(cell or "") for cell in row] for row in rows], [str(cell) for cell in total or ()]]
            ),
        }

    def _add(self, kind: str, held: Any) -> str:
        self.parts.append((kind, held))
        return ""


_KEPT = TypeAdapter(Page)


def page_in(kept: Mapping[str, Any] | None) -> Page | None:
    """The page in a column."""
    return _KEPT.validate_python(kept) if kept else None


def _facts_text(rows: Sequence[Row]) -> str:
    return "\n".join(f"{label}: {value}" for label, value in rows)


def _room_list_text(held: tuple[Sequence[Row], Row]) -> str:
    rows, total = held
    lines = "\n".join("- " + " · ".join(filter(None, row)) for row in rows)
    return f"{lines}\n\n{total[0]}: {total[1]}" if total else lines


def _items_text(rows: Row) -> str:
    return "\n".join(f"- {row}" for row in rows)


_TEXT: Final[Mapping[str, Callable[[Any], str]]] = {
    "p": str,
    "note": str,
    "facts": _facts_text,
    "room_list": _room_list_text,
    "items": _items_text,
    "button": lambda held: f"{held[0]}: {held[1]}",
}

# Forms that e-mail programs of every age show: tables, styles on the elements.
_TABLE: Final = 'width="100%" cellpadding="0" cellspacing="0" border="0"'
_FOOT: Final = "padding:16px 32px 24px;border-top:1px solid #e6e1d8;font-size:14px;color:#5b6468"
_LINE: Final = "border-bottom:1px solid #e6e1d8"
_SMALL: Final = "font-size:14px;color:#5b6468"
_CODE: Final = "font-family:Menlo,Consolas,monospace;font-size:18px;font-weight:bold;color:#14606b"
_BUTTON: Final = (
    "display:inline-block;padding:12px 24px;background:#c4572b;border-radius:6px;color:#ffffff;font-weight:bold;"
    "text-decoration:none"
)
_NOTE: Final = (
    "margin:0 0 16px;padding:12px 16px;background:#f7f5f0;border-radius:8px;font-size:14px;color:#3b4448;"
    "white-space:pre-line"
)


def _facts_html(rows: Sequence[Row]) -> str:
    lines = "\n".join(
        f'<tr>\n<td class="label" valign="top" style="padding:8px 12px 8px 0;{_LINE};color:#5b6468;font-size:14px;'
        f'width:38%">{escape(label)}</td>\n<td class="value" valign="top" style="padding:8px 0;{_LINE};'
        f'font-weight:bold">{escape(value)}</td>\n</tr>'
        for label, value in rows
    )
    return f'<table role="presentation" {_TABLE} style="width:100%;margin:0 0 20px">\n{lines}\n</table>'


def _room_list_html(held: tuple[Sequence[Row], Row]) -> str:
    rows, total = held
    lines = "\n".join([*(_room_html(*row) for row in rows), *_total_html(total)])
    style = "width:100%;margin:0 0 20px;background:#f7f5f0;border-radius:8px"
    return f'<table {_TABLE} style="{style}">\n{lines}\n</table>'


def _room_html(code: str, what: str, who: str, amount: str) -> str:
    described = escape(" · ".join(filter(None, (what, who))))
    return (
        f'<tr>\n<td valign="top" style="padding:12px 8px 12px 16px;{_LINE}"><span style="{_CODE}">{escape(code)}</span>'
        f'<br><span style="{_SMALL}">{described}</span></td>\n<td valign="top" align="right"'
        f' style="padding:12px 16px 12px 8px;{_LINE};white-space:nowrap">{escape(amount)}</td>\n</tr>'
    )


def _total_html(total: Row) -> Iterator[str]:
    if total:
        yield (
            f'<tr><td style="padding:12px 8px 12px 16px;font-weight:bold">{escape(total[0])}</td><td align="right"'
            f' style="padding:12px 16px 12px 8px;font-weight:bold;white-space:nowrap">{escape(total[1])}</td></tr>'
        )


def _items_html(rows: Row) -> str:
    lines = "\n".join(f"<li>{escape(row)}</li>" for row in rows)
    return f'<ul style="margin:0 0 16px;padding-left:20px">\n{lines}\n</ul>'


def _button_html(held: Row) -> str:
    label, url = map(escape, held)
    link = f'<a class="button" href="{url}" style="{_BUTTON}">{label}</a>'
    return f'<p style="width:100%;margin:0 0 20px">{link}</p>'


_HTML: Final[Mapping[str, Callable[[Any], str]]] = {
    "p": lambda text: f'<p style="margin:0 0 16px;white-space:pre-line">{escape(text)}</p>',
    "note": lambda text: f'<p style="{_NOTE}">{escape(text)}</p>',
    "facts": _facts_html,
    "room_list": _room_list_html,
    "items": _items_html,
    "button": _button_html,
}
