"""Plants seed data: folders of YAML files, those that a service is delivered with and an operator's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import yaml
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.database.pool import Connection
from shared.errors import described
from shared.safety.files import RefusedFile, opened_folder

Plant = Callable[[Connection, Mapping[str, Any]], Awaitable[list[str]]]

MOST_BYTES = 20_000_000

# What a file can be wrong in: YAML, a field's kind, a value that is none, or what the database does not take.
_WRONG = (
    yaml.YAMLError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
)


class BrokenSeed(ValueError):
    """A file cannot be planted; the text names the file and what is wrong with it. Nothing of the file was written."""


class SeedSettings(BaseSettings):
    """Where an operator's own seed data is; for services that plant any."""

    model_config = SettingsConfigDict(env_prefix="POSADA_", extra="ignore")

    seed_folder: Path | None = Field(
        None,
        description="Folder with properties of your own, which `posada migrate` inserts in addition to the "
        "delivered one: YAML files in a folder for each service, availability/ and booking/. Unset: "
        "none.",
    )

    def folder_of(self, service: str) -> Path | None:
        """The folder of a service's files, if there is one.

        Raises:
            ValueError: when the setting names no folder, or files stand where no service reads them.
        """
        if self.seed_folder is None:
            return None
        if not self.seed_folder.is_dir():
            raise ValueError(f"POSADA_SEED_FOLDER: {self.seed_folder} is no folder; name one that is there.")
        if astray := sorted(self.seed_folder.glob("*.yaml")):
            raise ValueError(f"{astray[0]} is read by no service: put it into {self.seed_folder / service}.")
        return self.seed_folder / service


async def plant_files(connection: Connection, folder: Path, plant: Plant) -> list[str]:
    """Plant each file of the folder in the order of their names, and return the ids planted; a file is planted whole.

    Raises:
        BrokenSeed: for the first file that is wrong, and for one that is no plain file of this folder.
    """
    planted: list[str] = []
    for file in await asyncio.to_thread(lambda: sorted(folder.glob("*.yaml"))):
        try:
            given = yaml.safe_load(await asyncio.to_thread(_text, file))
            async with connection.transaction():
                planted += await plant(connection, given)
        except RefusedFile as refused:
            raise BrokenSeed(f"{folder}: {refused}") from refused
        except KeyError as missing:
            raise BrokenSeed(
                f"{file}: {missing.args[0]} is missing; take a file that is delivered as a pattern."
            ) from missing
        except _WRONG as fault:
            raise BrokenSeed(f"{file}: {described(fault)}; correct it and migrate again.") from fault
    return planted


def _text(file: Path) -> str:
    with opened_folder(file.parent) as folder, folder.open(file.name, MOST_BYTES, links_inside=True).stream as stream:
        return stream.read().decode("utf-8")
