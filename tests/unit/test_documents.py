"""Documents name files and headings that exist, and their lines of prose are short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOLDERS = (".ci", "benchmarks", "chaos", "contracts", "deploy", "docs", "posada", "services", "shared", "tests")
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))})
LONGEST_LINE = 120
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`]+)`")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
SUFFIXES = (".py", ".md", ".yml", ".yaml", ".sh", ".sql")
PLACEHOLDER = re.compile(r"(^|/)[A-Z]+($|[/.])(?!md)")
WRITTEN_BY_OPERATORS = {"deploy/services.env"}

every_document = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its blocks of code and without what benchmarks write into it."""
    text = re.sub(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def paths(page: Path) -> Iterator[str]:
    """Every path of the repository that a page has in backticks, and every name of a Python file."""
    for word in (word for span in SPAN.findall(prose(page)) for word in span.split()):
        inside = word.split("/")[0] in FOLDERS and "/" in word
        file = word.endswith(SUFFIXES) and "/" in word
        if PATH.fullmatch(word) and (inside or file or word.endswith(".py")) and not PLACEHOLDER.search(word):
            yield word


@cache
def names() -> frozenset[str]:
    """The names of all Python files."""
    return frozenset(file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))


def exists(page: Path, path: str) -> bool:
    """Whether a path is one of the repository: from its root, from the page's folder, or from the tests'."""
    if path in WRITTEN_BY_OPERATORS or ("/" not in path and path in names()):
        return True
    return any((base / path).exists() for base in (ROOT, page.parent, ROOT / "tests"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@every_document
def test_a_page_s_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in (link for link in LINK.findall(prose(page)) if "://" not in link):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@every_document
def test_a_page_names_files_that_exist(page: Path) -> None:
    assert [path for path in paths(page) if not exists(page, path)] == []


@every_document
def test_a_page_s_prose_has_short_lines(page: Path) -> None:
    lines = prose(page).splitlines()
    assert [line for line in lines if len(line) > LONGEST_LINE and not line.startswith("|")] == []


def test_the_decisions_index_lists_every_record_by_its_title() -> None:
    folder = ROOT / "docs/decisions"
    titles = {page.name: page.read_text(encoding="utf-8").partition("\n")[0] for page in folder.glob("0*.md")}
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: f"# {title}" for title, name in listed} == titles
