"""The shape of the code: small folders and files, no circle of imports, rooms that meet by their packages."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import ROOT

TOPS = ("shared", "services", "posada", "chaos", "deploy", "benchmarks", "tests")
MOST_FILES, MOST_LINES, MOST_TEST_LINES = 12, 300, 400
SERVICES = sorted(folder.name for folder in (ROOT / "services").iterdir() if (folder / "app.py").is_file())


@cache
def modules() -> Mapping[str, Path]:
    """Every Python module of ours, by its full name; migrations are data."""
    found = (file.relative_to(ROOT) for top in TOPS for file in sorted((ROOT / top).rglob("*.py")))
    files = [file for file in found if "migrations" not in file.parts]
    return {".".join(file.with_suffix("").parts).removesuffix(".__init__"): file for file in files}


@cache
def imports(name: str) -> frozenset[str]:
    """The modules of ours that a module imports, those for type checking alone included."""
    tree = ast.parse((ROOT / modules()[name]).read_text(encoding="utf-8"))
    return frozenset(found for found in _imported(tree) if found in modules() and found != name)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module


def room_of(name: str, service: str) -> str | None:
    """The room of a service that a module is in; None for the frame and for everything else."""
    parts = name.split(".")
    folder = ROOT / "services" / service / (parts[2] if len(parts) > 2 else "")
    return parts[2] if parts[:2] == ["services", service] and len(parts) > 2 and folder.is_dir() else None


def test_no_folder_is_crowded() -> None:
    files = Counter(file.parent for file in modules().values() if file.name != "__init__.py")
    assert {str(folder): number for folder, number in files.items() if number > MOST_FILES} == {}


def test_no_file_is_long() -> None:
    lines = {str(file): len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in modules().values()}
    bounds = {file: MOST_TEST_LINES if file.startswith("tests/") else MOST_LINES for file in lines}
    assert {file: number for file, number in lines.items() if number > bounds[file]} == {}


def test_there_is_no_circle_of_imports() -> None:
    try:
        TopologicalSorter({name: imports(name) for name in modules()}).prepare()
    except CycleError as circle:
        pytest.fail(f"a circle: {' -> '.join(circle.args[1])}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_room_is_entered_from_another_by_its_package(service: str) -> None:
    """What a room's `__init__.py` exports is what other rooms may build on; the frame puts the rooms together."""
    trespassing = [
        f"{name} imports {found}"
        for name in modules()
        if (room := room_of(name, service))
        for found in imports(name)
        if (other := room_of(found, service)) not in {None, room} and found != f"services.{service}.{other}"
    ]
    assert trespassing == []


def test_every_package_says_what_it_is() -> None:
    silent = [
        str(file)
        for file in modules().values()
        if file.name == "__init__.py"
        and file.parts[0] != "tests"
        and not ast.get_docstring(ast.parse((ROOT / file).read_text()))
    ]
    assert silent == []
