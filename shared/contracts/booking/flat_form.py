"""The JSON Schema of a booking request in its flat form: guest, payment, contact and a single room beside the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pydantic.json_schema import JsonSchemaValue

from shared.contracts.legacy_aliases import FLAT, REQUEST
from shared.messages.incoming import older, or_blank, present

Resolve = Callable[[JsonSchemaValue], JsonSchemaValue]


def with_flat_form(request: JsonSchemaValue, resolve: Resolve) -> None:
    """Let the schema of a request, which has all older names, accept what `legacy_aliases.normalize` accepts.

    A field of a group that is required may stand in the group or beside it. `resolve` finds what a reference means.
    """
    for group, names in FLAT.items():
        _add_group(request, group, names, resolve)
    rooms = [name for name in ("rooms", *REQUEST) if name == "rooms" or REQUEST[name] == "rooms"]
    items = next(kind["items"] for kind in request["properties"]["rooms"]["anyOf"] if "items" in kind)
    room = {name: part for name, part in resolve(items).items() if name not in {"title", "description"}}
    request["allOf"] = [one for one in request["allOf"] if one != {"anyOf": [present(name) for name in rooms]}]
    request["allOf"].append({"anyOf": [*map(present, rooms), room]})


def _add_group(request: JsonSchemaValue, group: str, names: Mapping[str, str], resolve: Resolve) -> None:
    properties, nested = request["properties"], _resolved(request["properties"][group], resolve)
    for name, today in names.items():
        properties[name] = older(nested["properties"][today], f"{group}.{today}")
    required = [*nested.pop("required", ()), *_relaxed(nested.pop("allOf", ()))]
    for today in dict.fromkeys(names.get(name, name) for name in required):
        within = [today, *(old for old, new in names.items() if new == today and old != new)]
        beside = [name for name, new in names.items() if new == today]
        inside = [{"required": [group], "properties": {group: {"type": "object", **present(name)}}} for name in within]
        request["allOf"].append({"anyOf": [*inside, *map(present, beside)]})
    if group in request.get("required", ()):
        request["required"].remove(group)
        properties[group] = or_blank(properties[group])


def _resolved(field: JsonSchemaValue, resolve: Resolve) -> JsonSchemaValue:
    """The schema of the object in a field, behind its reference."""
    kinds = field.get("anyOf", [field])
    return resolve(next(kind for kind in kinds if "$ref" in kind or "properties" in kind))


def _relaxed(alternatives: Iterable[JsonSchemaValue]) -> Iterable[str]:
    """The required fields of an object that have older names: the first of each `anyOf` is today's."""
    return (each["anyOf"][0]["required"][0] for each in alternatives)
