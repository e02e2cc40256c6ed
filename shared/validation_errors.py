"""Sentences that say what is wrong with a field and what to do, in place of pydantic's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Context = Mapping[str, Any]


def validation_errors(errors: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], ...]:
    """The problem of each field, from pydantic's errors: the field's path and a sentence.

    A list with an invalid entry is also reported as too short, as pydantic counts only valid entries: that is left out.
    """
    parents = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    relevant = [error for error in errors if not (error["type"] == "too_short" and error["loc"] in parents)]
    return tuple(
        {"field": ".".join(map(str, error["loc"])) or "body", "problem": validation_error(error)} for error in relevant
    )


def validation_error(error: Mapping[str, Any]) -> str:
    """The sentence for one of pydantic's errors: what is wrong and what to do, without the field and its value."""
    kind: str = error["type"]
    context: Context = error.get("ctx", {})
    if kind in _EXACT:
        return _EXACT[kind](context)
    for prefix, sentence in _BY_PREFIX.items():
        if kind.startswith(prefix):
            return sentence
    return str(error["msg"]).removeprefix("Value error, ")


def _too_few(context: Context) -> str:
    return f"needs {_entries(context['min_length'])} at least and has {context['actual_length']}: add what is missing"


def _too_many(context: Context) -> str:
    return f"may have {_entries(context['max_length'])} at most: leave the rest out"


def _entries(number: int) -> str:
    return f"{number} entry" if number == 1 else f"{number} entries"


def _too_short(context: Context) -> str:
    if context["min_length"] == 1:
        return "is empty: fill it in"
    return f"is too short: it needs {context['min_length']} characters"


def _form(context: Context) -> str:
    if r"\x00" in context["pattern"]:
        return "has characters that cannot be kept, such as NUL or a line break: take them out"
    return f"does not have the form {context['pattern']}: correct it"


_EXACT: Mapping[str, Callable[[Context], str]] = {
    "missing": lambda _: "is missing: fill it in",
    "too_short": _too_few,
    "too_long": _too_many,
    "string_too_short": _too_short,
    "string_too_long": lambda context: f"is too long: shorten it to {context['max_length']} characters",
    "string_pattern_mismatch": _form,
    "string_type": lambda _: "must be text",
    "string_unicode": lambda _: "is not text in UTF-8: correct its encoding",
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "greater_than_equal": lambda context: f"must be {context['ge']} or more",
    "less_than": lambda context: f"must be less than {context['lt']}",
    "less_than_equal": lambda context: f"must be {context['le']} or less",
    "int_from_float": lambda _: "must be a whole number, without decimals",
    "decimal_max_places": lambda context: f"may have {context['decimal_places']} decimals at most: round it",
    "decimal_max_digits": lambda context: f"may have {context['max_digits']} digits at most: correct it",
    "decimal_whole_digits": lambda context: f"may have {context['whole_digits']} digits before the point: correct it",
    "finite_number": lambda _: "must be a number that is not infinite",
    "enum": lambda context: f"must be one of {context['expected']}",
    "literal_error": lambda context: f"must be one of {context['expected']}",
    "json_invalid": lambda context: f"is not JSON ({context['error']}): correct it",
    "json_type": lambda _: "is not JSON: send an object",
}
_BY_PREFIX: Mapping[str, str] = {
    "int_": "must be a whole number such as 2",
    "float_": "must be a number such as 2.5",
    "decimal_": 'must be a decimal number such as "690.00"',
    "bool_": "must be true or false",
    "datetime_": "must be a time with its zone, such as 2027-05-01T15:00:00Z",
    "timezone_": "must be a time with its zone, such as 2027-05-01T15:00:00Z",
    "date_": "must be a date such as 2027-05-01",
    "uuid_": "must be a UUID such as 123e4567-e89b-42d3-a456-426614174000",
    "list_": "must be a list",
    "tuple_": "must be a list",
    "dict_": "must be an object with fields",
    "model_": "must be an object with fields",
    "dataclass_": "must be an object with fields",
}
