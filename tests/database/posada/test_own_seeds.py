"""Properties of an operator's own, planted by `posada migrate` from POSADA_SEED_FOLDER."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from posada.cluster.migration import migrate
from posada.problems import problem_of
from shared.database.seeds import BrokenSeed
from tests.support.servers.databases import FreshDatabase, apart

pytestmark = pytest.mark.real
DELIVERED = {
    service: yaml.safe_load(Path(f"services/{service}/seed/las-hojas.yaml").read_text(encoding="utf-8"))
    for service in ("availability", "booking")
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the operator's files go."""
    monkeypatch.setenv("POSADA_SEED_FOLDER", str(tmp_path))
    return tmp_path


def write(folder: Path, service: str, **changes: Any) -> Path:
    """A second property, like the delivered one but for some fields."""
    given = dict(DELIVERED[service])
    terms = {"id": "el-faro", "name": "El Faro", "is_default": False, **changes}
    if service == "availability":
        given["property"] = {**given["property"], **terms}
    else:
        given |= {"code_prefix": "EF", **terms}
    file = folder / service / "el-faro.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(given), encoding="utf-8")
    return file


async def names(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("SELECT name FROM properties")}
    finally:
        await connection.close()


@pytest.mark.parametrize("service", ["availability", "booking"])
async def test_a_property_of_one_s_own_is_planted_once_beside_the_delivered(
    folder: Path, fresh_database: FreshDatabase, service: str
) -> None:
    url = fresh_database(service)
    write(folder, service)
    assert await asyncio.to_thread(migrate, service, url) == ["el-faro"]
    write(folder, service, name="Edited in the file")
    assert await asyncio.to_thread(migrate, service, url) == []
    assert await names(url) == {"Las Hojas Resort", "El Faro"}


async def test_a_delivered_property_that_was_given_up_for_another_default_stays_away(
    folder: Path, fresh_database: FreshDatabase
) -> None:
    url = fresh_database("booking")
    connection = await asyncpg.connect(url)
    for statement in (
        "DELETE FROM code_counters",
        "DELETE FROM cancellation_policies",
        "UPDATE properties SET id = 'el-sol', name = 'El Sol'",
    ):
        await connection.execute(statement)
    await connection.close()
    write(folder, "booking")
    assert await asyncio.to_thread(migrate, "booking", url) == ["el-faro"]
    assert await names(url) == {"El Sol", "El Faro"}


@pytest.mark.parametrize(
    ("service", "changes", "said"),
    [
        ("booking", {"timezone": 7}, "DataError"),
        ("booking", {"is_default": True}, "UniqueViolationError"),
        ("availability", {"tax_rate": "a lot"}, "ConversionSyntax"),
        ("availability", {"is_default": True}, "UniqueViolationError"),
    ],
)
async def test_a_file_that_is_wrong_is_named_and_nothing_of_it_is_written(
    folder: Path, fresh_database: FreshDatabase, service: str, changes: dict[str, Any], said: str
) -> None:
    url = fresh_database(service)
    file = write(folder, service, **changes)
    with pytest.raises(BrokenSeed, match=said) as broken:
        await asyncio.to_thread(migrate, service, url)
    assert str(file) in problem_of(broken.value).text
    assert await names(url) == {"Las Hojas Resort"}


async def test_a_field_that_is_missing_and_a_file_that_is_no_yaml_are_named(
    folder: Path, fresh_database: FreshDatabase
) -> None:
    url = fresh_database("booking")
    file = write(folder, "booking")
    file.write_text(file.read_text(encoding="utf-8").replace("code_prefix", "prefix"), encoding="utf-8")
    with pytest.raises(BrokenSeed, match=r"el-faro\.yaml: code_prefix is missing"):
        await asyncio.to_thread(migrate, "booking", url)
    for text in ("{", "- a list", "", "just words"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(BrokenSeed, match=r"el-faro\.yaml: "):
            await asyncio.to_thread(migrate, "booking", url)
    assert await names(url) == {"Las Hojas Resort"}


async def test_what_nobody_would_read_is_refused_before_anything_is_migrated(
    folder: Path, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database("booking")
    (folder / "el-faro.yaml").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"el-faro\.yaml is read by no service: put it into .*/booking"):
        await asyncio.to_thread(migrate, "booking", url)
    monkeypatch.setenv("POSADA_SEED_FOLDER", str(folder / "nowhere"))
    with pytest.raises(ValueError, match=r"POSADA_SEED_FOLDER: .*nowhere is no folder"):
        await asyncio.to_thread(migrate, "booking", url)


def test_services_without_seeds_do_not_mind_the_folder(folder: Path, fresh_database: FreshDatabase) -> None:
    write(folder, "booking")
    apart(migrate, "payments", fresh_database("payments"))


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname"])
async def test_a_seed_that_leads_out_of_its_folder_is_not_read(
    folder: Path, fresh_database: FreshDatabase, target: str
) -> None:
    (folder / "secret").write_text("token: hush", encoding="utf-8")
    (folder / "availability").mkdir()
    (folder / "availability" / "el-faro.yaml").symlink_to(target)
    with pytest.raises(BrokenSeed, match=r"el-faro\.yaml is a link that leads out") as refused:
        await asyncio.to_thread(migrate, "availability", fresh_database("availability"))
    assert "hush" not in str(refused.value)


async def test_seeds_of_a_config_map_are_planted(folder: Path, fresh_database: FreshDatabase) -> None:
    """Kubernetes shows them as links to a folder beside them."""
    file = write(folder, "availability")
    (data := file.parent / "..2025").mkdir()
    file.rename(data / file.name)
    (file.parent / "..data").symlink_to("..2025")
    file.symlink_to(f"..data/{file.name}")
    assert await asyncio.to_thread(migrate, "availability", fresh_database("availability")) == ["el-faro"]
