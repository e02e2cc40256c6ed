"""Elements of a statement by their names, whatever their namespace: banks write several versions of camt."""

from __future__ import annotations

from xml.etree.ElementTree import Element


def name_of(element: Element) -> str:
    """A tag without its namespace."""
    return str(element.tag).rpartition("}")[2]


def all_in(element: Element, name: str) -> list[Element]:
    """The children of this name."""
    return [child for child in element if name_of(child) == name]


def find_in(element: Element, *path: str) -> Element | None:
    """The first element on a path of names."""
    found: Element | None = element
    for name in path:
        found = next((child for child in found if name_of(child) == name), None) if found is not None else None
    return found


def text_in(element: Element, *path: str) -> str:
    """The text at the end of a path, without blanks around it; empty if there is none."""
    found = find_in(element, *path)
    return (found.text or "").strip() if found is not None else ""
