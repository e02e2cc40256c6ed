"""Opens files that others can influence: links are not followed, only regular files are read, with bounded size."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final
from uuid import uuid4

LONGEST_SHOWN: Final = 100
MOST_LINKS: Final = 8
# Does not wait for the writer of a pipe, is not inherited by child processes, and never opens a terminal.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class RefusedFile(OSError):
    """A file that is not read. The text says which, why and what to do, and nothing of its content."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A regular file that is open for reading bytes. `stream` ends at the size that it had when it was opened."""

    name: str
    stream: BinaryIO
    facts: os.stat_result


class Folder:
    """An open folder: its names are those of this folder, even if its path leads elsewhere later."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def check_own(self, path: Path) -> None:
        """Check that only this process's user or root can write into the folder. `path` is for the error.

        Raises:
            RefusedFile: when the folder belongs to somebody else, or everybody may write into it.
        """
        facts = os.fstat(self._handle)
        if facts.st_uid not in {os.geteuid(), 0}:
            raise RefusedFile(f"{path} belongs to somebody else: choose another folder")
        if facts.st_mode & stat.S_IWOTH:
            raise RefusedFile(f"{path} can be written by everybody: chmod o-w it, or choose another folder")

    def names(self) -> list[str]:
        """The names of all entries, sorted."""
        return sorted(os.listdir(self._handle))  # noqa: PTH208 — the path could lead elsewhere by now

    def facts(self, name: str) -> os.stat_result:
        """The facts about an entry, of a link itself; raises OSError when there is none."""
        return os.stat(_single(name), dir_fd=self._handle, follow_symlinks=False)

    def open(self, name: str, most_bytes: int, *, links_inside: bool = False) -> Opened:
        """Open a regular file of this folder. With `links_inside`, links to other entries of the folder are followed.

        That is for folders that only the operator fills: the files of a Kubernetes ConfigMap are links, and installers
        make hard links. Otherwise symbolic and hard links are refused.

        Raises:
            RefusedFile: when it is a link, no regular file, or larger than `most_bytes`.
            OSError: when it cannot be read.
        """
        path = self._followed(name) if links_inside else (_single(name),)
        with _folder_of(self._handle, path[:-1]) as within:
            _check_kind(os.stat(path[-1], dir_fd=within, follow_symlinks=False), name)  # opening a device may act on it
            try:
                handle = os.open(path[-1], _READ, dir_fd=within)
            except OSError as wrong:
                raise _refused(name, wrong) from wrong
        try:
            facts = os.fstat(handle)  # of the open file: the name may stand for another one by now
            _check(facts, name, most_bytes, hard_links=links_inside)
        except BaseException:
            os.close(handle)
            raise
        return Opened(name, io.BufferedReader(_Limited(io.FileIO(handle), facts.st_size)), facts)

    def move(self, was: Opened, into: str) -> None:
        """Move a file that was read into a subfolder, under a free name.

        Nothing happens when the name has another file by now, or none: another instance may have been first.

        Raises:
            OSError: when it cannot be moved, for instance because `into` is a link.
        """
        with suppress(FileExistsError):
            os.mkdir(_single(into), dir_fd=self._handle)
        with _folder_of(self._handle, (into,)) as target, suppress(FileNotFoundError):
            now = self.facts(was.name)
            if (now.st_dev, now.st_ino) != (was.facts.st_dev, was.facts.st_ino):
                return
            free = _reserved(was.name, target)
            try:
                os.rename(was.name, free, src_dir_fd=self._handle, dst_dir_fd=target)
            except OSError:
                os.unlink(free, dir_fd=target)
                raise

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically, in place of any of the same name; raises OSError when that is a folder."""
        fresh = f".{uuid4()}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(fresh, flags, 0o600, dir_fd=self._handle), "wb") as file:  # noqa: PTH123 — a handle
            file.write(content)
        try:
            os.replace(fresh, _single(name), src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except OSError:
            os.unlink(fresh, dir_fd=self._handle)
            raise

    def _followed(self, name: str) -> tuple[str, ...]:
        """The path within this folder to which a name leads."""
        path: tuple[str, ...] = (_single(name),)
        for _ in range(MOST_LINKS):
            linked = self._first_link(path, name)
            if linked is None:
                return path
            place, target = linked
            path = (*path[:place], *target.parts, *path[place + 1 :])
        raise RefusedFile(f"{shown(name)} leads through too many links: put the file itself there")

    def _first_link(self, path: tuple[str, ...], name: str) -> tuple[int, PurePath] | None:
        for place, part in enumerate(path):
            with _folder_of(self._handle, path[:place]) as within:
                if not stat.S_ISLNK(os.stat(part, dir_fd=within, follow_symlinks=False).st_mode):
                    continue
                target = PurePath(os.readlink(part, dir_fd=within))
            if target.is_absolute() or ".." in target.parts or not target.parts:
                raise RefusedFile(f"{shown(name)} is a link that leads out of its folder: put the file itself there")
            return place, target
        return None


@contextmanager
def opened_folder(path: Path) -> Iterator[Folder]:
    """Open a folder that the operator names; its path may contain links.

    Raises:
        OSError: when it is no folder, or cannot be read.
    """
    handle = os.open(path, _FOLDER)
    try:
        yield Folder(handle)
    finally:
        os.close(handle)


def write_into(folder: Path, name: str, text: str) -> None:
    """Write a file that only its owner can read, in place of any of the same name; a link is replaced, not followed."""
    with opened_folder(folder) as held:
        held.write(name, text.encode())


def read_named(path: Path, most_bytes: int) -> bytes:
    """The content of a file that the operator names; it may be a link or a pipe.

    Raises:
        RefusedFile: when it has more than `most_bytes`.
        OSError: when it cannot be read.
    """
    with path.open("rb") as stream:
        return read_within(stream, most_bytes, str(path))


def read_within(stream: BinaryIO, most_bytes: int, name: str) -> bytes:
    """The rest of a stream; raises RefusedFile when it has more than `most_bytes`."""
    content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise RefusedFile(f"{shown(name)} has more than {most_bytes} bytes: split it")
    return content


def shown(name: str) -> str:
    """A name for people, logs and databases: without line breaks and undecodable bytes, and shortened."""
    clean = "".join(letter if letter.isprintable() else "�" for letter in name)
    return clean if len(clean) <= LONGEST_SHOWN else f"{clean[: LONGEST_SHOWN - 1]}…"


class _Limited(io.RawIOBase):
    """The first bytes of a file; what is appended later is not read."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer)[: self._left] as wanted:
            done = self._file.readinto(wanted) or 0
        self._left -= done
        return done

    def close(self) -> None:
        self._file.close()
        super().close()


def _single(name: str) -> str:
    if not name or name in {".", ".."} or "/" in name or "\0" in name:
        raise RefusedFile(f"{shown(name)} is no name of a file in this folder")
    return name


def _check_kind(facts: os.stat_result, name: str) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise RefusedFile(f"{shown(name)} is a link: put the file itself there")
    if not stat.S_ISREG(facts.st_mode):
        raise RefusedFile(f"{shown(name)} is no regular file: take it away")


def _check(facts: os.stat_result, name: str, most_bytes: int, *, hard_links: bool) -> None:
    _check_kind(facts, name)
    if facts.st_nlink > 1 and not hard_links:
        raise RefusedFile(f"{shown(name)} is a hard link to a file elsewhere: put a copy there")
    if facts.st_size > most_bytes:
        raise RefusedFile(f"{shown(name)} has more than {most_bytes} bytes: split it")


def _refused(name: str, wrong: OSError) -> OSError:
    if wrong.errno in {errno.ELOOP, errno.EMLINK}:  # what systems answer to O_NOFOLLOW
        return RefusedFile(f"{shown(name)} is a link: put the file itself there")
    if wrong.errno == errno.ENXIO:
        return RefusedFile(f"{shown(name)} is no regular file: take it away")
    return wrong


@contextmanager
def _folder_of(handle: int, parts: tuple[str, ...]) -> Iterator[int]:
    """Open the folder at a path of components, none of which may be a link."""
    within = os.dup(handle)
    try:
        for part in parts:
            try:
                deeper = os.open(_single(part), _FOLDER | os.O_NOFOLLOW, dir_fd=within)
            except NotADirectoryError as wrong:  # a link is none either
                raise RefusedFile(f"{shown(part)} is a link or a file where a folder should be") from wrong
            os.close(within)
            within = deeper
        yield within
    finally:
        os.close(within)


def _reserved(name: str, folder: int) -> str:
    """A free name in a folder, reserved by an empty file."""
    stem, ending = PurePath(name).stem, PurePath(name).suffix
    for number in count(1):
        candidate = name if number == 1 else f"{stem}-{number}{ending}"  # banks often give all files the same name
        with suppress(FileExistsError):
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            os.close(os.open(candidate, flags, 0o600, dir_fd=folder))
            return candidate
    raise AssertionError
