"""Holds a document to its published JSON Schema, with the few keywords that ours use.

The schema is the one definition of a file: what this refuses, any JSON Schema validator refuses too.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[2] / "presets" / "schemas"
KEYWORDS = frozenset(
    {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum", "pattern", "minLength",
     "maxLength", "properties", "required", "additionalProperties", "items", "minItems", "anyOf"}
)  # fmt: skip
"""What is understood here; a schema with any other keyword is refused."""
TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool}

Schema = dict[str, Any]


@cache
def load(name: str) -> Schema:
    """The schema that ships as presets/schemas/NAME.schema.json."""
    loaded: Schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded


def check(value: Any, schema: Schema) -> None:
    """Raises ValueError naming the member that does not fit, and why."""
    _check(value, schema, schema, "")


def _check(value: Any, schema: Schema, root: Schema, where: str) -> None:
    if unknown := schema.keys() - KEYWORDS:
        raise NotImplementedError(f"JSON Schema keyword {min(unknown)}")
    name = where or "the document"
    if "$ref" in schema:
        _check(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    if "type" in schema and type(value) is not TYPES[schema["type"]]:
        raise ValueError(f"{name} is not of type {schema['type']}")
    if "const" in schema and value != schema["const"]:
        raise ValueError(f"{name} is {value!r}, not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise ValueError(f"{name} is {value!r}, not one of {', '.join(schema['enum'])}")
    if isinstance(value, str):
        _check_text(value, schema, name)
    if isinstance(value, dict):
        _check_members(value, schema, root, where)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            raise ValueError(f"{name} is empty")
        for index, item in enumerate(value):
            _check(item, schema.get("items", {}), root, f"{where}[{index}]")
    if "anyOf" in schema and not any(_fits(value, option, root) for option in schema["anyOf"]):
        wanted = " or ".join(name for option in schema["anyOf"] for name in option["required"])
        raise ValueError(f"{name} needs {wanted}")


def _check_text(value: str, schema: Schema, name: str) -> None:
    # Patterns end in "$", which in Python alone would let a line break follow; so the match must reach the end.
    if "pattern" in schema and not re.fullmatch(schema["pattern"].removesuffix("$"), value):
        raise ValueError(f"{name} is {value[:80]!r}, which does not fit {schema['pattern']}")
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        raise ValueError(f"{name} has {len(value)} characters")


def _check_members(value: Schema, schema: Schema, root: Schema, where: str) -> None:
    known = schema.get("properties", {})
    prefix = f"{where}." if where else ""
    for missing in (name for name in schema.get("required", ()) if name not in value):
        raise ValueError(f"{prefix}{missing} is missing")
    for name, item in value.items():
        if name in known:
            _check(item, known[name], root, prefix + name)
        elif not schema.get("additionalProperties", True):
            raise ValueError(f"{prefix}{name} is not known here")


def _fits(value: Any, schema: Schema, root: Schema) -> bool:
    try:
        _check(value, schema, root, "")
    except ValueError:
        return False
    return True
