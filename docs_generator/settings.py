"""The settings of a run, as the JSON schema of ``Spec`` has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparse_hub_core.spec import Spec, flag_name

_KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class Setting:
    """One field of the configuration file."""

    path: str
    type: str
    """Its type and range, in words."""
    default: str
    """As TOML, empty where there is none."""
    description: str

    @property
    def section(self) -> str:
        """The table of the file that it stands in, empty for the top."""
        return self.path.rpartition(".")[0]

    @property
    def flag(self) -> str:
        """The option of the command line that sets it."""
        return flag_name(self.path)


def settings() -> tuple[Setting, ...]:
    """Return all settings in the order of the file: what stands at the top, then section by section."""
    schema = Spec.model_json_schema()
    found = tuple(_settings(schema["properties"], schema.get("$defs", {})))
    return tuple(sorted(found, key=lambda setting: bool(setting.section)))


def _settings(fields: Mapping[str, Any], sections: Mapping[str, Any], prefix: str = "") -> Iterator[Setting]:
    for name, field in fields.items():
        if "$ref" in field:
            section = sections[field["$ref"].rpartition("/")[2]]
            yield from _settings(section["properties"], sections, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, _type(field), _toml(field["default"]), field["description"])


def _type(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(part) for part in field["anyOf"] if part.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if field["type"] == "object":
        return "table"
    bounds = ", ".join(f"{sign} {_number(field[name])}" for name, sign in _BOUNDS.items() if name in field)
    return f"{_KINDS[field['type']]} {bounds}".strip()


def _number(value: float) -> str:
    return f"{value:g}" if value < 10**6 else str(value)


def _toml(value: Any) -> str:
    if value is None or value == {}:
        return ""
    return _number(value) if isinstance(value, float) else json.dumps(value)
