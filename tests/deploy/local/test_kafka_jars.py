"""A jar is kept only when it is the one that the list names."""

import hashlib
from pathlib import Path

import pytest

from deploy.local.kafka.jars import ATTEMPTS, KAFKA_VERSION, Jar, fetch, locked_jars
from deploy.local.processes.process import BackendFailed

CONTENT = b"the real jar"
JAR = Jar(hashlib.sha256(CONTENT).hexdigest(), "org.example", "stay", "1.0")


class Shelf:
    """A download that hands out the given contents one after the other."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = list(contents)
        self.asked = 0

    def __call__(self, jar: Jar, into: Path) -> Path:
        self.asked += 1
        into.mkdir()
        file = into / jar.filename
        file.write_bytes(self.contents.pop(0))
        return file


def test_the_list_names_the_broker_and_every_jar_once() -> None:
    jars = locked_jars()

    assert Jar(jars[0].sha256, "org.apache.kafka", "kafka_2.13", KAFKA_VERSION) in jars
    assert len({jar.filename for jar in jars}) == len(jars)


def test_a_good_jar_is_put_in_place(tmp_path: Path) -> None:
    fetch([JAR], tmp_path / "jars", Shelf(CONTENT))

    assert (tmp_path / "jars" / "stay-1.0.jar").read_bytes() == CONTENT


def test_a_download_that_broke_off_is_tried_again(tmp_path: Path) -> None:
    shelf = Shelf(CONTENT[:5], CONTENT)

    fetch([JAR], tmp_path / "jars", shelf)

    assert shelf.asked == 2
    assert (tmp_path / "jars" / "stay-1.0.jar").read_bytes() == CONTENT


def test_another_content_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match=r"stay-1\.0\.jar could not be fetched .*is not the file"):
        fetch([JAR], tmp_path / "jars", Shelf(*[b"something else"] * ATTEMPTS))

    assert list((tmp_path / "jars").iterdir()) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["jars"]
