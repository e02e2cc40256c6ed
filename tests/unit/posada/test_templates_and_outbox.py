"""posada templates and posada outbox --out: what an operator looks at before a guest reads it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import Result
from icalendar import Calendar
from typer.testing import CliRunner

from posada.cli.front_desk import outbox
from posada.main import make_app
from services.notifications.delivery.calendar import StayEntry
from tests.support.doubles.transport import START


def templates(*arguments: str) -> Result:
    return CliRunner().invoke(make_app("templates"), ["templates", *arguments])


def test_one_event_is_shown_in_every_form_and_both_languages() -> None:
    shown = templates("preview", "confirmed")
    assert shown.exit_code == 0
    for title in ("confirmed · es · email · 1", "confirmed · en · chat · 1", "confirmed · en · whatsapp · 1"):
        assert title in shown.stdout
    assert "Su reservación está confirmada" in shown.stdout
    assert "Your booking is confirmed" in shown.stdout
    assert "refused" not in shown.stdout


def test_a_language_and_a_channel_leave_the_others_out() -> None:
    shown = templates("preview", "refused", "--language", "en", "--channel", "sms").stdout
    assert "refused · en · sms · 1" in shown
    assert "· es ·" not in shown
    assert "· email ·" not in shown


def test_an_unknown_channel_is_named_with_those_that_there_are() -> None:
    shown = templates("preview", "--channel", "pigeon")
    assert shown.exit_code == 2
    assert "there is no pigeon" in shown.output
    assert "email, chat, sms, whatsapp, voice" in " ".join(shown.output.replace("│", " ").split())


def test_pages_are_written_for_a_browser_with_an_index(tmp_path: Path) -> None:
    shown = templates("preview", "confirmed", "--language", "es", "--out", str(tmp_path))
    assert shown.exit_code == 0
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    pages = sorted(page.name for page in tmp_path.glob("es-confirmed-*.html"))
    assert all(f"href='{page}'" in index for page in pages)
    assert "max-width: 480px" in (tmp_path / "es-confirmed-email-1.html").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("en-*"))


def test_the_bodies_for_whatsapp_s_approval_have_their_variables() -> None:
    bodies = json.loads(templates("whatsapp", "--json").stdout)
    assert "{{guest}}" in bodies["confirmed.es"]
    assert not any(body.endswith("}}") for body in bodies.values())


def test_what_is_written_out_follows_no_link_and_is_read_by_its_owner_only(tmp_path: Path) -> None:
    (victim := tmp_path / "victim").write_text("as it was", encoding="utf-8")
    (folder := tmp_path / "mails").mkdir()
    (folder / "7.html").symlink_to(victim)
    outbox.write(folder, [{"number": 7, "html": "<p>HR26181</p>", "calendar": None}])
    assert victim.read_text(encoding="utf-8") == "as it was"
    assert (folder / "7.html").read_text(encoding="utf-8") == "<p>HR26181</p>"
    assert (folder / "7.html").lstat().st_mode == stat.S_IFREG | 0o600
    assert [page.name for page in folder.iterdir()] == ["7.html"]


@pytest.mark.parametrize("calendar", [None, "written"])
def test_the_outbox_writes_each_e_mail_as_a_page_with_its_calendar(tmp_path: Path, calendar: str | None) -> None:
    entry = StayEntry(UUID(int=1), "Las Hojas", "HR26181", START, START, START)
    ics = entry.to_ics() if calendar else None
    outbox.write(
        tmp_path / "mails",
        [{"number": 7, "html": "<p>HR26181</p>", "calendar": ics}, {"number": 8, "html": None, "calendar": None}],
    )
    assert (tmp_path / "mails" / "7.html").read_text(encoding="utf-8") == "<p>HR26181</p>"
    assert sorted(page.name for page in (tmp_path / "mails").iterdir()) == (
        ["7.html", "7.ics"] if calendar else ["7.html"]
    )
    if calendar:
        assert Calendar.from_ical((tmp_path / "mails" / "7.ics").read_text(encoding="utf-8")).walk("VEVENT")
