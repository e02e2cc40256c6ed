"""Deliveries as rows of their table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.notifications.delivery.calendar import entry_in
from services.notifications.delivery.model import Claimed, Content, Delivery, Status, Template
from services.notifications.delivery.page import page_in
from shared.database.bulk import Column, Table

LONGEST_WORDS = 300  # of what a provider says

DELIVERIES = Table(
    "deliveries",
    Delivery,
    Column("subject", "text", lambda one: one.content.subject),
    Column("text", "text", lambda one: one.content.text),
    Column("page", "jsonb", lambda one: one.content.page),
    Column("calendar", "jsonb", lambda one: one.content.entry),
    Column("template", "jsonb", lambda one: one.content.template),
    Column("provider", "text", lambda one: "local" if one.status is Status.STORED else None),
    Column("due_at", "timestamptz"),
    Column("waits_since", "timestamptz"),
    Column("created_at", "timestamptz"),
    Column("finished_at", "timestamptz"),
    without=("content",),
    on_conflict="DO NOTHING RETURNING channel, status",
)


def claimed(row: Mapping[str, Any]) -> Claimed:
    """A delivery that is this instance's for a while."""
    delivery = DELIVERIES.read(row, content=_content(row))
    return Claimed(row["number"], row["attempts"], delivery, row["was_unsure"], row["heard_at"], row["waits_since"])


def storable(text: str | None) -> str | None:
    """A provider's words without what PostgreSQL cannot keep: one odd answer must not hold up all outcomes."""
    return text and text[:LONGEST_WORDS].encode("utf-8", "replace").decode().replace("\0", "")


def _content(row: Mapping[str, Any]) -> Content:
    return Content(
        row["text"], row["subject"], page_in(row["page"]), entry_in(row["calendar"]), _template(row["template"])
    )


def _template(kept: Mapping[str, Any] | None) -> Template | None:
    if kept is None:
        return None
    return Template(kept["name"], kept["language"], tuple((name, value) for name, value in kept["parameters"]))
