"""What pydantic found wrong with a value, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

KINDS = {
    **{"int_type": "a whole number", "int_from_float": "a whole number", "int_parsing": "a whole number"},
    **{"float_type": "a number", "float_parsing": "a number", "finite_number": "a finite number"},
    **{"string_type": "a text", "bool_type": "true or false", "none_required": "nothing"},
    **{"list_type": "a list", "tuple_type": "a list"},
    **dict.fromkeys(("dict_type", "model_type", "dataclass_type"), "a table of names and values"),
}
LIMITS = {
    **{"greater_than_equal": ("at least", "ge"), "greater_than": ("above", "gt")},
    **{"less_than_equal": ("at most", "le"), "less_than": ("below", "lt")},
    "multiple_of": ("a multiple of", "multiple_of"),
}
BRANCHES = {"int": "a whole number", "constrained-int": "a whole number"}
"""What stands in the path of a value that may be of several types."""
BRANCHES |= {"float": "a number", "constrained-float": "a number"}


def what_is_wrong(details: Iterable[Mapping[str, Any]]) -> str:
    """Return "it must be a whole number of at least 1, or a number above 0" for what a value may be."""
    told = list(dict.fromkeys(map(_told, details)))
    wanted = [text.removeprefix("it must be ") for text in told if text.startswith("it must be ")]
    return f"it must be {', or '.join(wanted)}" if len(wanted) == len(told) else "; ".join(told)


def _told(detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in KINDS:
        return f"it must be {KINDS[kind]}"
    if kind in LIMITS:
        word, name = LIMITS[kind]
        branch = BRANCHES.get(str(detail["loc"][-1])) if detail["loc"] else None
        of = "of " if word.startswith("at ") else ""
        return f"it must be {f'{branch} {of}' if branch else ''}{word} {_number(context[name])}"
    if kind == "literal_error":
        return f"it must be {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"it must be a text that matches {context['pattern']}"
    if kind == "missing":
        return "it is missing"
    if kind == "json_invalid":
        return f"it is no JSON ({context['error']})"
    if kind == "extra_forbidden":
        return "nothing of that name is known"
    message = str(detail["msg"])
    message = (message[0].lower() + message[1:]).removeprefix("value error, ")
    return message.replace("input should be ", "it must be ")


def _number(limit: Any) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)
