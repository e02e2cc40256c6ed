"""What others send: older names are read as today's, and an optional field that says nothing counts as left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, ClassVar, Final

from pydantic import BaseModel, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from shared.messages.close_names import closest

MOST_UNKNOWN: Final = 50  # names of one object that are compared with known ones, and told back
# Unicode's blanks as a part of a regular expression, and as letters.
BLANKS: Final = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_BLANKS: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_NOTHING: Final[tuple[JsonSchemaValue, ...]] = ({"type": "null"}, {"type": "string", "pattern": f"^[{BLANKS}]*$"})


class Incoming(BaseModel):
    """A model of what others send.

    `older_names` maps names of earlier versions to those of today. With `names_checked` a name that is not known but
    close to a known one is refused, as it is probably a mistake. Any other is left to later versions.
    """

    older_names: ClassVar[Mapping[str, str]] = {}
    names_checked: ClassVar[bool] = False

    @classmethod
    def known_names(cls) -> frozenset[str]:
        """All names of its fields, older ones included."""
        return frozenset(cls.model_fields).union(cls.older_names)

    @model_validator(mode="before")
    @classmethod
    def _read_names(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        read = renamed(given, cls.older_names)
        if cls.names_checked:
            _refuse_close_names(read, cls.known_names())
        fields = cls.model_fields
        return {
            name: value
            for name, value in read.items()
            if not (is_blank(value) and name in fields and not fields[name].is_required())
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with older names, and with what an optional field may hold when it says nothing."""
        schema = handler(core_schema)
        if handler.mode != "validation":
            return schema
        described = handler.resolve_ref_schema(schema)
        properties = described.setdefault("properties", {})
        required = described.get("required", [])
        for name in properties.keys() - set(required):
            properties[name] = or_blank(properties[name])
        for today in dict.fromkeys(cls.older_names.values()):
            olds = [old for old, new in cls.older_names.items() if new == today]
            properties |= {old: older(properties[today], today) for old in olds}
            if today in required:
                required.remove(today)
                properties[today] = or_blank(properties[today])
                described.setdefault("allOf", []).append({"anyOf": [present(name) for name in (today, *olds)]})
        return schema


class RequestBody(Incoming):
    """The body of a request over HTTP."""

    names_checked: ClassVar[bool] = True


def is_blank(value: Any) -> bool:
    """Whether a value of a field says nothing."""
    return value is None or (isinstance(value, str) and not value.strip(_BLANKS))


def renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The fields of an object with older names under today's.

    Raises:
        pydantic.ValidationError: where two names of one field say different things.
    """
    if names.keys().isdisjoint(given):
        return dict(given)
    read = {name: value for name, value in given.items() if name not in names}
    for old in names.keys() & given.keys():
        fill(read, names[old], given[old], old)
    return read


def fill(read: dict[str, Any], name: str, value: Any, written: str) -> None:
    """Set a field that was written under another name, unless it is blank.

    Raises:
        pydantic.ValidationError: where the field is there already and says something else.
    """
    if is_blank(value):
        return
    if not is_blank(read.get(name)) and not _same(read[name], value):
        problem = f"is the same field as {name} and says something else: leave one of them out"
        raise problem_with(written, problem)
    read[name] = value


def problem_with(name: str, problem: str) -> ValidationError:
    """The error about a name of a field, for a validator of its model to raise."""
    kind = PydanticCustomError("field_name", "{problem}", {"problem": problem})
    details = InitErrorDetails(type=kind, loc=(name[:100],), input=None)
    return ValidationError.from_exception_data("names", [details])


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other) or Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return str(one).strip() == str(other).strip()


def _refuse_close_names(given: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in islice(unknown_names(given, known), MOST_UNKNOWN):
        if meant := closest(name, known):
            raise problem_with(name, f"is not known: write {meant} if that is meant, else leave it out")


def unknown_names(given: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    """The names in an object that are not known."""
    return (str(name) for name in given if name not in known)


def or_blank(field: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of a field that may be left out: what it takes, or nothing."""
    said: JsonSchemaValue = {
        name: field[name] for name in ("title", "description", "default", "deprecated") if name in field
    }
    taken = {name: part for name, part in field.items() if name not in said}
    only = taken["anyOf"] if set(taken) == {"anyOf"} else [taken]
    return said | {"anyOf": [*(kind for kind in only if kind not in _NOTHING), *_NOTHING]}


def older(field: JsonSchemaValue, today: str) -> JsonSchemaValue:
    """The schema of a field under an older name."""
    taken = {name: part for name, part in field.items() if name not in {"title", "default"}}
    return or_blank(taken) | {"deprecated": True, "description": f"Older name of {today}."}


def present(name: str) -> JsonSchemaValue:
    """The schema of an object in which a field says something."""
    return {"required": [name], "properties": {name: {"not": {"anyOf": list(_NOTHING)}}}}
