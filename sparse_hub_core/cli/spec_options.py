"""Command-line options made from the fields of ``Spec``, so that a default is written once."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sparse_hub_core.errors import UsageError
from sparse_hub_core.spec import Spec, flag_name

CommandT = TypeVar("CommandT", bound=click.Command)
Keep = Callable[[str], bool]
"""Whether a command has the option of a key path such as ``search.timeout``."""


def spec_options(keep: Keep = lambda path: True, in_best: Keep = lambda path: False) -> Callable[[CommandT], CommandT]:
    """Return a decorator that gives a command an option per field of ``Spec``, ahead of its own.

    Args:
        keep: The fields that the command has options for.
        in_best: The fields whose default is what a best.json says.
    """

    def add(command: CommandT) -> CommandT:
        command.params = [*_options(keep, in_best), *command.params]
        return command

    return add


def flags_to_settings(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, nested like the config file."""
    settings: dict[str, Any] = {}
    for name, value in flags.items():
        if value is None or value == ():
            continue
        section, _, key = name.rpartition("__")
        (settings.setdefault(section, {}) if section else settings)[key] = value
    return settings


def _options(keep: Keep, in_best: Keep) -> Iterator[click.Option]:
    for path, field in _fields(Spec):
        if keep(path):
            yield _option(path, field, "the file's" if in_best(path) else _shown(field.default))


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _option(path: str, field: FieldInfo, default: str) -> click.Option:
    declaration = [flag_name(path), path.replace(".", "__")]
    stage = path.rpartition(".")[0]
    description = f"{stage}: {field.description}" if stage else field.description or ""
    if isinstance(field.default, tuple) and field.default:
        shown = ", ".join(_shown(value) for value in field.default)
        item = _click_type(get_args(field.annotation)[0])
        return click.Option(
            declaration, multiple=True, type=item, help=f"{description}; may be repeated  [default: {shown}]"
        )
    if field.default == ():
        return click.Option(declaration, multiple=True, metavar="NAME", help=f"{description}; may be repeated")
    if field.default == {}:
        help_text = f"{description}; may be repeated"
        metavar, read = ("NAME=VALUE", _values) if path == "search_options" else ("NAME=DIR", _pairs)
        return click.Option(declaration, multiple=True, metavar=metavar, help=help_text, callback=read)
    if field.annotation is bool:
        return click.Option(declaration, is_flag=True, default=None, help=description)
    text = f"{description}  [default: {default}]" if default else description
    return click.Option(declaration, type=_click_type(field.annotation), help=text)


def _pairs(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    """Return NAME=DIR flags as a dict.

    Raises:
        UsageError: One has no "=".
    """
    for value in values:
        if "=" not in value:
            raise UsageError(f"{option.opts[0]} {value!r} is wrong: write the benchmark and its folder as NAME=DIR.")
    return dict(value.split("=", 1) for value in values) or None


def _values(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, Any] | None:
    """Return NAME=VALUE flags as a dict of the numbers and truth values that they spell, or of texts.

    Raises:
        UsageError: One has no "=".
    """
    for one in given:
        if "=" not in one:
            raise UsageError(f"{option.opts[0]} {one!r} is wrong: write the option and its value as NAME=VALUE.")
    return {name: _value(text) for name, text in (one.split("=", 1) for one in given)} or None


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float, str)) else text


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _click_type(annotation: Any) -> Any:
    """Return the type to read a flag as; ranges are left to ``Spec``, whose sentence names the flag."""
    origin = get_origin(annotation)
    if origin is Literal:
        return click.Choice(get_args(annotation))
    if origin is Annotated:
        return _click_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return next(_click_type(part) for part in get_args(annotation) if part is not type(None))
    return annotation
