"""Records what is missing here: one whole message of each type, as it travels. `python -m tests.contracts.record`

What is recorded is never written again: it is what others sent when the type was new, and have perhaps still in store.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import shared.contracts  # noqa: F401 — it makes the types known
from shared.messages.message import Message, message_types

FOLDER = Path(__file__).parent / "recorded"
ENVELOPE = {"ce_id": "6f1f0c2e-0000-4000-8000-000000000001", "ce_source": "recorded"}
# What a hotel would write, by the field's name; for other fields its schema decides.
WORDS: Mapping[str, Any] = {
    "property_id": "las-hojas",
    "check_in": "2030-01-10",
    "check_out": "2030-01-12",
    "until": "2030-01-12T15:00:00Z",
    "currency": "USD",
    "guest_email": "ana@example.com",
    "email": "ana@example.com",
    "phone": "+50371234567",
    "guest_phone": "+50371234567",
    "contact": "+50371234567",
    "name": "Ana María López",
    "guest_name": "Ana María López",
    "timezone": "America/El_Salvador",
    "amount": "690.00",
    "total": "690.00",
    "code": "HR26181",
    "room": "46",
    "type": "junior",
    "room_type": "junior",
    "confirmation_number": "HR26181",
    "url": "https://example.com/slip.jpg",
    "adults": 2,
}
FORMATS = {
    "uuid": "7d1c6a0e-5b1f-4e0a-9c53-1f3f0d9a2b01",
    "date-time": "2030-01-02T15:04:05Z",
    "date": "2030-01-02",
    "time": "15:00:00",
    "email": "ana@example.com",
    "uri": "https://example.com",
}
Schema: TypeAlias = Mapping[str, Any]


def sample(schema: Schema, known: Schema, name: str = "") -> Any:
    """A value with every field set that the schema allows."""
    if "$ref" in schema:
        return sample(known[schema["$ref"].rpartition("/")[2]], known, name)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            first = next(one for one in schema[several] if one.get("type") != "null")
            return sample(first, known, name)
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    kinds = {"object": _object, "array": _array, "integer": _number, "number": _number, "boolean": _yes}
    return kinds.get(schema.get("type", "string"), _text)(schema, known, name)


def _object(schema: Schema, known: Schema, name: str) -> Any:
    if "properties" in schema:
        return {field: sample(of, known, field) for field, of in schema["properties"].items()}
    patterns = iter(schema.get("patternProperties", {}).values())
    of = schema.get("additionalProperties") or next(patterns, {})
    return {name or "key": sample(of if isinstance(of, dict) else {}, known, "")}


def _array(schema: Schema, known: Schema, name: str) -> Any:
    if "prefixItems" in schema:
        return [sample(of, known, name) for of in schema["prefixItems"]]
    return [sample(schema.get("items", {}), known, name.removesuffix("s"))] * max(1, schema.get("minItems", 1))


def _number(schema: Schema, known: Schema, name: str) -> Any:
    least, most = schema.get("minimum", schema.get("exclusiveMinimum", 0)), schema.get("maximum", 10**6)
    found = WORDS.get(name) or max(least, 1)
    return min(found, most) if schema["type"] == "integer" else min(float(found), most)


def _yes(schema: Schema, known: Schema, name: str) -> Any:
    return True


def _text(schema: Schema, known: Schema, name: str) -> Any:
    wanted = WORDS.get(name)
    kind = schema.get("format")
    if kind and not (kind == "date" and name in WORDS):
        return FORMATS[kind]
    if isinstance(wanted, str):
        return wanted
    return "690.00" if r"\d" in schema.get("pattern", "") else f"a-{name or 'value'}".replace("_", "-")


def recorded(kind: type[Message]) -> dict[str, Any]:
    """A message of this type, as it travels."""
    schema = kind.model_json_schema()
    message = kind.model_validate(sample(schema, schema.get("$defs", {})))
    return {
        "topic": message.topic.name,
        "key": message.key,
        "headers": {"ce_type": kind.type_name, **ENVELOPE},
        "body": message.model_dump(mode="json", exclude_none=True),
    }


def main() -> None:
    """Write a file for each type that has none."""
    FOLDER.mkdir(exist_ok=True)
    for name, kind in sorted(message_types().items()):
        file = FOLDER / f"{name}.json"
        if not file.exists():
            file.write_text(json.dumps(recorded(kind), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            sys.stdout.write(f"recorded {name}\n")


if __name__ == "__main__":
    main()
