"""What is told of a booking: its timeline while it runs, its status afterwards, and where a Posada runs."""

from __future__ import annotations

import os
import stat
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from posada.cli.front_desk.status import show
from posada.cli.operate.dead import one_of
from posada.client.booking_events import Event
from posada.client.timeline import line_of
from posada.cluster import address
from posada.cluster.address import Address
from posada.cluster.cluster import LocalCluster
from posada.cluster.instance import counts_of
from posada.problems import Problem
from shared.outbox.dead_letter_topic import DeadLetter
from shared.safety.files import Folder

BOOKING = UUID(int=1)


def event(name: str, **body: Any) -> Event:
    """An event of a booking."""
    return Event(BOOKING, f"posada.booking.{name}.v1", body)


def letter(id_: str) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(id_, "booking", "", "", "", "", [], "", [], b"")


def plain(course: dict[str, Any]) -> str:
    """A status as it is printed where nobody looks."""
    console = Console(file=StringIO(), width=120)
    show(console, course)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_step_is_told_with_its_time_and_details() -> None:
    line = line_of(event("progressed", step="rooms_held", details={"rooms": ["18", "19"]}), 0.25, "Ana")
    assert line.plain.split() == ["0.250", "s", "Ana", "·", "rooms", "held", "rooms", "18,", "19"]


def test_a_confirmation_names_codes_and_total() -> None:
    rooms = [{"code": "HR26181", "type_label": "Junior", "room": "18"}]
    line = line_of(event("confirmed", rooms=rooms, total="258.75", currency="USD", payment_found_later=True), 1)
    assert "✔ confirmed  HR26181 (Junior, room 18); 258.75 USD; payment found later" in line.plain


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "rooms stay held"),
        ({"rooms_kept": True}, "rooms stay held"),
        ({"rooms_kept": False}, "are free for others"),
    ],
)
def test_a_search_says_whether_the_rooms_stay_held(more: dict[str, bool], said: str) -> None:
    line = line_of(event("payment-search-started", stage=3, **more), 1)
    assert f"stage 3; the rooms {said.removeprefix('rooms ')}" in line.plain


def test_a_refusal_names_its_reason() -> None:
    refused = event("refused", refusal={"reason": "not_enough_rooms", "text": "none\nleft", "details": {}})
    assert "✘ refused  not_enough_rooms: none left" in line_of(refused, 1).plain
    assert refused.is_outcome


def test_an_event_of_a_later_version_is_told_all_the_same() -> None:
    assert "upgraded" in line_of(Event(BOOKING, "posada.booking.upgraded.v9", {"rooms": "all", "new": 1}), 1).plain
    assert line_of(Event(BOOKING, "", {}), 1).plain


def test_markup_in_what_others_wrote_is_only_text() -> None:
    assert "[red]x[/red]" in line_of(event("progressed", step="[red]x[/red]"), 1).plain


def test_a_status_shows_facts_rooms_and_course() -> None:
    told = plain(
        {
            "booking_id": str(BOOKING),
            "status": "CONFIRMED",
            "total": "690.00",
            "currency": "USD",
            "codes": ["HR26181", "HR26182"],
            "rooms": [{"line": 1, "code": "HR26181", "type": "junior", "room": "18", "amount": "258.75"}],
            "course": [
                {"step": "hold rooms", "what": "done", "at": "2026-03-01T10:00:00Z"},
                {"step": "confirm", "what": "decided", "at": "2026-03-01T10:00:01.500Z"},
            ],
        }
    )
    assert "690.00 USD" in told
    assert "HR26181, HR26182" in told
    assert "1.500 s  confirm: decided" in told


@pytest.mark.parametrize("course", [{}, {"course": [{}]}, {"rooms": None, "course": [{"at": "soon", "step": "x"}]}])
def test_a_status_may_lack_anything(course: dict[str, Any]) -> None:
    plain(course)


def test_a_running_posada_is_found_by_its_owner_only(tmp_path: Path) -> None:
    running = Address(pid=os.getpid(), kafka_bootstrap="k:1", http={"booking": ["http://b"]}, database_urls={})
    running.write(tmp_path)
    assert address.find(tmp_path) == running
    assert stat.S_IMODE((tmp_path / address.FILE).stat().st_mode) == 0o600
    address.forget(tmp_path)
    assert address.find(tmp_path) is None


def give_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it another user's."""
    if os.geteuid() == 0:
        os.chown(folder, 12_345, -1)
    else:
        monkeypatch.setattr("shared.safety.files.os.geteuid", lambda: 12_345)


@pytest.mark.parametrize("whose", ["another's", "everybody's"])
def test_a_posada_in_a_folder_of_others_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """As somebody could plant one where many work, for instance below /tmp."""
    Address(pid=os.getpid(), kafka_bootstrap="k:1", http={"booking": ["http://b"]}, database_urls={}).write(tmp_path)
    if whose == "everybody's":
        tmp_path.chmod(0o777)
    else:
        give_away(tmp_path, monkeypatch)
    with pytest.raises(Problem, match="choose another folder"):
        address.find(tmp_path)
    with pytest.raises(Problem, match="choose another folder"):
        LocalCluster(tmp_path).start_backends()


def test_the_folder_that_was_read_is_judged_and_not_what_its_path_leads_to_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who planted a link may let it lead to a folder of ours between the two."""
    ours, theirs, link = (tmp_path / name for name in ("ours", "theirs", "link"))
    ours.mkdir()
    theirs.mkdir()
    theirs.chmod(0o777)
    Address(pid=os.getpid(), kafka_bootstrap="k:1", http={"booking": ["http://b"]}, database_urls={}).write(theirs)
    link.symlink_to(theirs)
    opened = Folder.open

    def open_and_turn(*given: Any, **more: Any) -> Any:
        found = opened(*given, **more)
        link.unlink()
        link.symlink_to(ours)
        return found

    monkeypatch.setattr(Folder, "open", open_and_turn)
    with pytest.raises(Problem, match="can be written by everybody"):
        address.find(link)


def test_a_posada_s_file_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    Address(pid=os.getpid(), kafka_bootstrap="k:1", http={}, database_urls={}).write(tmp_path / "theirs")
    (tmp_path / address.FILE).symlink_to(tmp_path / "theirs" / address.FILE)
    assert address.find(tmp_path) is None


def test_a_posada_that_ended_is_not_found(tmp_path: Path) -> None:
    gone = 2**22 + 1  # above the greatest pid that Linux gives
    Address(pid=gone, kafka_bootstrap="k:1", http={}, database_urls={}).write(tmp_path)
    assert address.find(tmp_path) is None
    (tmp_path / address.FILE).write_text("{broken")
    assert address.find(tmp_path) is None


def test_metrics_are_summed_over_their_labels() -> None:
    text = '# TYPE handled counter\nhandled_total{type="a"} 2\nhandled_total{type="b"} 3\n'
    assert counts_of(text)["handled_total"] == 5


def test_a_dead_letter_is_found_by_the_beginning_of_its_id() -> None:
    letters = [letter("abc1"), letter("abd2")]
    assert one_of(letters, "abc").id == "abc1"
    for beginning in ("ab", "x"):
        with pytest.raises(Problem):
            one_of(letters, beginning)
