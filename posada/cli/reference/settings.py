"""posada settings: every variable that the services read, with its default and meaning, from the code itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Annotated, Any, get_args

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from posada.cli.options import AsJson
from posada.output import out, print_json, table
from shared.contracts.topics import SERVICES
from shared.settings import ServiceSettings

EVERY = "every service"
HEAD = """# Settings

Every variable that the services read, generated from the code: `posada settings --markdown > docs/settings.md`. A
service reads them from its own environment. Lists and objects are JSON. Pass secrets with the platform's mechanism for
secrets.
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: who reads it, what it is without being set, and what it means."""

    name: str
    service: str
    default: str
    meaning: str
    secret: bool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(settings)


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="As tables for a page, one for each service.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the POSADA_… variables that the services read."""
    found = list(variables())
    if markdown:
        typer.echo(as_markdown(found), nl=False)
    elif as_json:
        print_json([asdict(one) for one in found])
    else:
        rows = [(one.name, one.service, one.default, one.meaning) for one in found]
        out().print(table("", ("variable", "read by", "default", "meaning"), rows))


def variables() -> Iterator[Variable]:
    """What every service reads, then what each reads alone or otherwise."""
    common = {name: _variable(EVERY, name, field) for name, field in ServiceSettings.model_fields.items()}
    yield from common.values()
    for service in SERVICES:
        model: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
        for name, field in model.model_fields.items():
            one = _variable(service, name, field)
            if name not in common:
                yield one
            elif one.default != common[name].default:
                yield Variable(one.name, service, one.default, one.meaning or common[name].meaning, one.secret)


def as_markdown(found: list[Variable]) -> str:
    """A table for each reader."""
    parts = [HEAD]
    for service in (EVERY, *SERVICES):
        lines = [
            f"### {service[0].upper()}{service[1:]}",
            "",
            "| variable | default | meaning |",
            "| --- | --- | --- |",
        ]
        for one in found:
            if one.service == service:
                meaning = one.meaning + (" (secret)" if one.secret else "")
                lines.append(f"| `{one.name}` | {_cell(one.default)} | {_cell(meaning)} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _variable(service: str, name: str, field: FieldInfo) -> Variable:
    secret = _is_secret(field.annotation)
    return Variable(f"POSADA_{name.upper()}", service, _default(field), field.description or "", secret)


def _is_secret(kind: Any) -> bool:
    return kind is SecretStr or any(_is_secret(inner) for inner in get_args(kind))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    return f"`{_plain(value)}`" if not isinstance(value, str) or value else "empty"


def _plain(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return value.model_dump_json(exclude_defaults=True)
    if isinstance(value, (frozenset, set)):
        return json.dumps(sorted(map(str, value)))
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, default=str)
    return str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
