"""Files that others can influence: what is refused by its name, what is read, and what a race cannot change."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.safety.files import RefusedFile, opened_folder, read_named, shown

MOST = 1000
SECRET = b"POSADA_API_TOKEN=hush"


def read(path: Path, name: str, *, links_inside: bool = False) -> bytes:
    with opened_folder(path) as folder, folder.open(name, MOST, links_inside=links_inside).stream as stream:
        return stream.read()


def link(folder: Path, secret: Path) -> None:
    (folder / "a.csv").symlink_to(secret)


def link_inside(folder: Path, _: Path) -> None:
    (folder / "real").write_bytes(SECRET)
    (folder / "a.csv").symlink_to("real")


def dangling(folder: Path, _: Path) -> None:
    (folder / "a.csv").symlink_to("nowhere")


def hard_link(folder: Path, secret: Path) -> None:
    (folder / "a.csv").hardlink_to(secret)


def pipe(folder: Path, _: Path) -> None:
    os.mkfifo(folder / "a.csv")


def door(folder: Path, _: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "a.csv"))


def subfolder(folder: Path, _: Path) -> None:
    (folder / "a.csv").mkdir()


def too_large(folder: Path, _: Path) -> None:
    (folder / "a.csv").write_bytes(b"x" * (MOST + 1))


@pytest.mark.parametrize("plant", [link, link_inside, dangling, hard_link, pipe, door, subfolder, too_large])
def test_what_is_no_plain_file_of_the_folder_is_refused_by_its_name(
    tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    (folder := tmp_path / "feed").mkdir()
    (secret := tmp_path / "environ").write_bytes(SECRET)
    plant(folder, secret)
    with pytest.raises(RefusedFile, match=r"^a\.csv ") as refused:
        read(folder, "a.csv")
    assert "hush" not in str(refused.value)
    assert ": " in str(refused.value), "no remedy"


@pytest.mark.parametrize("name", ["", ".", "..", "../environ", "/etc/passwd", "a/b", "a\0b"])
def test_a_name_is_one_of_this_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedFile):
        read(tmp_path, name)


def test_a_link_that_is_put_there_between_look_and_opening_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look before the opening sees a plain file, as in a race that is lost."""
    (secret := tmp_path / "environ").write_bytes(SECRET)
    (folder := tmp_path / "feed").mkdir()
    (folder / "a.csv").write_bytes(b"1")
    real = os.stat

    def look(path: object, **given: object) -> os.stat_result:
        facts = real(path, **given)  # type: ignore[call-overload]
        if path == "a.csv":
            (folder / "a.csv").unlink()
            (folder / "a.csv").symlink_to(secret)
        return facts

    monkeypatch.setattr("shared.safety.files.os.stat", look)
    with pytest.raises(RefusedFile, match="link"):
        read(folder, "a.csv")


def test_a_folder_that_is_held_is_the_same_whatever_its_path_becomes(tmp_path: Path) -> None:
    (folder := tmp_path / "feed").mkdir()
    (folder / "a.csv").write_bytes(b"ours")
    (other := tmp_path / "other").mkdir()
    (other / "a.csv").write_bytes(SECRET)
    with opened_folder(folder) as held:
        folder.rename(tmp_path / "gone")
        folder.symlink_to(other)
        assert held.open("a.csv", MOST).stream.read() == b"ours"


def test_what_is_written_while_a_file_is_read_is_not_read(tmp_path: Path) -> None:
    (file := tmp_path / "a.csv").write_bytes(b"12")
    with opened_folder(tmp_path) as folder, folder.open("a.csv", MOST).stream as stream:
        assert stream.read(1) == b"1"
        with file.open("ab") as more:
            more.write(b"x" * 100_000)
        assert stream.read() == b"2"


def test_links_of_a_config_map_lead_to_what_is_in_the_folder(tmp_path: Path) -> None:
    """As Kubernetes mounts one: name → ..data/name, ..data → a folder beside it."""
    (tmp_path / "..2025").mkdir()
    (tmp_path / "..2025" / "a.yaml").write_bytes(b"ours")
    (tmp_path / "..data").symlink_to("..2025")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert read(tmp_path, "a.yaml", links_inside=True) == b"ours"
    with pytest.raises(RefusedFile):
        read(tmp_path, "a.yaml")


@pytest.mark.parametrize("target", ["/etc/hostname", "../environ", "..data/../../environ", "a.yaml", "loop/a.yaml"])
def test_links_inside_never_lead_out_or_round(tmp_path: Path, target: str) -> None:
    (tmp_path / "environ").write_bytes(SECRET)
    (folder := tmp_path / "seeds").mkdir()
    (folder / "..data").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "a.yaml").symlink_to(target)
    with pytest.raises(OSError, match="link"):
        read(folder, "a.yaml", links_inside=True)


def moved(path: Path, change: Callable[[], object] = lambda: None) -> None:
    with opened_folder(path) as folder:
        file = folder.open("a.csv", MOST)
        change()
        folder.move(file, "done")


def test_files_of_one_name_are_moved_beside_each_other(tmp_path: Path) -> None:
    for content in (b"1", b"2", b"3"):
        (tmp_path / "a.csv").write_bytes(content)
        moved(tmp_path)
    assert {one.name: one.read_bytes() for one in (tmp_path / "done").iterdir()} == {
        "a.csv": b"1",
        "a-2.csv": b"2",
        "a-3.csv": b"3",
    }


def test_nothing_is_moved_through_a_link(tmp_path: Path) -> None:
    (folder := tmp_path / "feed").mkdir()
    (other := tmp_path / "other").mkdir()
    (folder / "done").symlink_to(other)
    (folder / "a.csv").write_bytes(b"1")
    with pytest.raises(RefusedFile, match="done"):
        moved(folder)
    assert not list(other.iterdir())
    assert (folder / "a.csv").exists()


def test_what_took_the_name_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "fresh").write_bytes(b"2")
    moved(tmp_path, lambda: (tmp_path / "fresh").rename(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == b"2"
    moved(tmp_path, (tmp_path / "a.csv").unlink)  # another instance was first
    assert not list((tmp_path / "done").iterdir())


def test_what_the_operator_names_is_read_to_a_bound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * MOST)
    (tmp_path / "link").symlink_to("a")
    assert len(read_named(tmp_path / "link", MOST)) == MOST
    with pytest.raises(RefusedFile, match="split"):
        read_named(Path("/dev/zero"), MOST)


def test_a_name_is_shown_as_databases_and_terminals_can_take_it() -> None:
    assert shown("a\nb\x1b[2J\udcff.csv") == "a�b�[2J�.csv"
    assert len(shown("x" * 255)) == 100


def test_no_handle_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "b.csv").symlink_to("a.csv")
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir())) if handles.exists() else 0
    for _ in range(5):
        assert read(tmp_path, "a.csv") == b"1"
        with pytest.raises(RefusedFile):
            read(tmp_path, "b.csv")
    assert not before or len(list(handles.iterdir())) == before
