"""Whatever strangers call themselves or write, a terminal that shows it obeys none of it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

import posada
from posada import output
from posada.main import run
from posada.problems import Problem
from shared.safety.printable import MARK, escaped, one_line, printable

HOSTILE = {
    "clears the screen": "\x1b[2J",
    "sets the clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "in eight bits": "\x9b2J",
    "begins a string": "\x90",
    "writes over": "\x08\x08\x08",
    "goes back": "\r",
    "deletes": "\x7f",
    "turns round": "\u202e",
    "isolates": "\u2066",
    "half a pair": "\ud800",
}
# What rich itself sends: colours, and nothing else outside a live display.
OF_RICH = re.compile(r"\x1b\[[0-9;]*m")
FIT = "Aña 👩‍👩‍👧 עברית\tó\n"


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard output as a terminal: what it is sent."""
    sent = io.StringIO()
    sent.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", sent)
    monkeypatch.setenv("TERM", "xterm-256color")
    return sent


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_is_printed_is_a_command_to_the_terminal(monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    terminal, name = terminal_for(monkeypatch), f"Ana{hostile}María"
    console = output.out()
    console.print(output.table(name, ("guest", ">n"), [(name, 1), (Text(name, style="red"), None)]))
    console.print(name, Text(name), markup=False, soft_wrap=True)
    console.print(Panel(Group(Text(name)), title=Text(name)))

    sent = OF_RICH.sub("", terminal.getvalue())
    assert console.is_terminal
    assert sent.count("Ana") == 7
    assert all(letter.isprintable() or letter == "\n" for letter in sent), repr(sent)


@pytest.mark.parametrize("hostile", [one for one in HOSTILE.values() if one != "\ud800"])
def test_json_says_the_same_to_programs_and_nothing_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    terminal = terminal_for(monkeypatch)
    told = {f"name{hostile}": [f"Ana{hostile}", FIT, 690.0, None]}
    output.print_json(told)
    assert json.loads(terminal.getvalue()) == told
    assert all(letter.isprintable() or letter in "\n\u200d" for letter in terminal.getvalue())


def test_a_problem_quotes_nothing_that_a_terminal_obeys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: str) -> None:
        raise Problem("no such thing as \x1b[2J\x9b2J")

    monkeypatch.setattr("posada.main.make_app", fails)
    with pytest.raises(SystemExit):
        run(["status"])
    assert capsys.readouterr().err == f"posada: no such thing as {MARK}[2J{MARK}2J\n"


def test_what_people_write_stays_as_it_is() -> None:
    assert printable(FIT) == FIT
    assert one_line("a\nverified: yes") == "a verified: yes"
    assert json.loads(escaped(json.dumps(FIT, ensure_ascii=False))) == FIT


def test_all_commands_print_by_these_ways_alone() -> None:
    """A console or a stream of a command's own would be one more way past."""
    ways = re.compile(r"(?<![.\w])(Console|print)\(|std(out|err)\.write\(")
    allowed = {"output.py", "main.py"}
    folder = Path(posada.__file__).parent
    found = [
        f"{file.relative_to(folder)}: {line.strip()}"
        for file in sorted(folder.rglob("*.py"))
        if file.name not in allowed
        for line in file.read_text().splitlines()
        if ways.search(line)
    ]
    assert not found


def test_a_readable_log_shows_others_words_on_their_own_line() -> None:
    program = (
        "import structlog, logging\n"
        "from shared.observability.logs import set_up_logs; set_up_logs('notes', as_json=False);"
        "structlog.get_logger().warning('odd', problem='a\\x1b[2J\\nb forged line', count=1);"
        "logging.getLogger('theirs').warning('%s', 'x\\x9b2J\\ny forged line')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    said = done.stderr.decode()
    assert "[2J" in OF_RICH.sub("", said)
    assert len(said.splitlines()) == 2
    assert "\x1b[2J" not in said
    assert "\x9b" not in said
