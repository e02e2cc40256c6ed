"""Opens files that others can influence: links lead nowhere, only regular files are read, and only so much of each."""

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
# Not to wait for the writer of a pipe, not to hand the file to children, and not to be given a terminal.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class RefusedFile(OSError):
    """A file that is not read; the text names it, what is wrong with it and what to do, and nothing of its content."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A regular file that is open for bytes. `stream` ends at the size that the file had when it was opened."""

    name: str
    stream: BinaryIO
    facts: os.stat_result


class Folder:
    """A folder, held open: whatever its path is made to lead to later, its names are those of this one."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def check_own(self, path: Path) -> None:
        """Raise RefusedFile for a folder into which others may put what this process then takes for its own.

        Its owner is who runs this process, or the system's administrator. `path` is what it is called.
        """
        facts = os.fstat(self._handle)
        if facts.st_uid not in {os.geteuid(), 0}:
            raise RefusedFile(f"{path} belongs to somebody else: choose another folder")
        if facts.st_mode & stat.S_IWOTH:
            raise RefusedFile(f"{path} can be written by everybody: chmod o-w it, or choose another folder")

    def names(self) -> list[str]:
        """The names of all that is in it, in their order."""
        return sorted(os.listdir(self._handle))  # noqa: PTH208 — a path could lead elsewhere by now

    def facts(self, name: str) -> os.stat_result:
        """What stands under a name, a link itself and not what it leads to; raises OSError when nothing does."""
        return os.stat(_single(name), dir_fd=self._handle, follow_symlinks=False)

    def open(self, name: str, most_bytes: int, *, links_inside: bool = False) -> Opened:
        """A regular file of this folder; `links_inside` follows links to what is in the folder too.

        It is for folders that only the operator fills: Kubernetes shows the files of a ConfigMap by links, installers
        make hard links. Where others may write, none of either is taken.

        Raises:
            RefusedFile: when it is a link, no regular file, known by another name as well, or larger than `most_bytes`.
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
            facts = os.fstat(handle)  # of what is open: the name may have changed its meaning
            _check(facts, name, most_bytes, hard_links=links_inside)
        except BaseException:
            os.close(handle)
            raise
        return Opened(name, io.BufferedReader(_Limited(io.FileIO(handle), facts.st_size)), facts)

    def move(self, was: Opened, into: str) -> None:
        """Move a file that was read into a folder of this one, under a name that nothing there has.

        What was put under its name since stays, and so does nothing at all: another instance may have been first.

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
        """Put a file there, whole, in place of whatever has its name; raises OSError when that is a folder."""
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
        """The path below this folder that a name leads to, link by link."""
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
    """A folder that the operator names; its own path may lead over links.

    Raises:
        OSError: when it is none, or cannot be read.
    """
    handle = os.open(path, _FOLDER)
    try:
        yield Folder(handle)
    finally:
        os.close(handle)


def write_into(folder: Path, name: str, text: str) -> None:
    """Write a file that its owner alone reads, in place of whatever has its name; a link there is not followed."""
    with opened_folder(folder) as held:
        held.write(name, text.encode())


def read_named(path: Path, most_bytes: int) -> bytes:
    """The content of a file that the operator names: links and pipes are as good as files, and it is read to a bound.

    Raises:
        RefusedFile: when it has more than `most_bytes`.
        OSError: when it cannot be read.
    """
    with path.open("rb") as stream:
        return read_within(stream, most_bytes, str(path))


def read_within(stream: BinaryIO, most_bytes: int, name: str) -> bytes:
    """All that a stream still holds; raises RefusedFile when that is more than `most_bytes`."""
    content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise RefusedFile(f"{shown(name)} has more than {most_bytes} bytes: split it")
    return content


def shown(name: str) -> str:
    """A name as people, logs and databases can take it: no line breaks or undecodable bytes, and not too long."""
    clean = "".join(sign if sign.isprintable() else "�" for sign in name)
    return clean if len(clean) <= LONGEST_SHOWN else f"{clean[: LONGEST_SHOWN - 1]}…"


class _Limited(io.RawIOBase):
    """The first bytes of a file: what is written to it meanwhile is not read."""

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
    """The folder that some components lead to, none of which may be a link."""
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
    """A free name in a folder, taken by an empty file so that nobody else takes it."""
    stem, ending = PurePath(name).stem, PurePath(name).suffix
    for number in count(1):
        candidate = name if number == 1 else f"{stem}-{number}{ending}"  # banks like to name every file alike
        with suppress(FileExistsError):
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            os.close(os.open(candidate, flags, 0o600, dir_fd=folder))
            return candidate
    raise AssertionError
