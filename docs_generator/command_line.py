"""The page of the command line: every command and option, as click knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping

import click

from docs_generator.markdown import code, codes, page, prose, table
from docs_generator.settings import settings
from sparse_hub_core.cli.main import COMMANDS, cli

INTRODUCTION = """
`sparse-hub COMMAND --help` says the same. Every command takes `--help`, and `--verbose` to show the traceback of a
failure. Exit codes: 0 fine, 1 some cell or check failed, 2 a usage mistake, 130 interrupted.
""".strip()

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Search and judge": ("run", "search", "validate", "generate"),
    "Look at runs": ("show", "report", "runs", "compare", "card", "traces"),
    "See what is there": (*(name for name in COMMANDS if name.startswith("list-")), "describe", "plugins"),
    "Write your own": ("new", "check"),
}
"""Commands by what one wants; those that are in no group come last."""

_EVERYWHERE = ("--verbose", "--help")


def command_line_page() -> str:
    """Return the page."""
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "More": tuple(name for name in COMMANDS if name not in grouped)}
    present = {title: [name for name in names if name in COMMANDS] for title, names in groups.items()}
    rows = [(title, ", ".join(f"[`{name}`](#{name})" for name in names)) for title, names in present.items() if names]
    parts = [table(("to", "commands"), rows)]
    commands = [(name, command(name)) for names in present.values() for name in names]
    for name, one in commands:
        parts += _command(name, one)
    parts += ["## Settings of a run", _SETTINGS, *_settings(commands)]
    return page("The command line", INTRODUCTION, *parts)


_SETTINGS = """
Options that are settings: each is also a line of the [configuration file](configuration.md), which says their ranges.
The last column names the commands that take it.
""".strip()


def command(name: str) -> click.Command:
    """Return a command by its name."""
    found = cli.get_command(click.Context(cli), name)
    if found is None:
        raise KeyError(name)
    return found


def _command(name: str, one: click.Command) -> Iterator[str]:
    yield f"## {name}"
    arguments = [parameter for parameter in one.params if isinstance(parameter, click.Argument)]
    usage = " ".join(["sparse-hub", name, *map(_placeholder, arguments), "[OPTIONS]"])
    yield f"```text\n{usage}\n```"
    yield prose(inspect.cleandoc(one.help or "").replace("\b", ""))
    own = [option for option in _options(one) if not _is_setting(option)]
    if own:
        yield table(("option", "value", "default", "what it does"), map(_row, own))
    if len(own) < len(_options(one)):
        yield f"It also takes [settings of a run](#settings-of-a-run) that name `{name}` in their last column."


def _placeholder(argument: click.Argument) -> str:
    if isinstance(argument.type, click.Choice):
        shown = "|".join(map(str, argument.type.choices))
    else:
        shown = argument.metavar or (argument.name or "").upper()
    if argument.nargs == -1:
        shown = f"{shown.removesuffix('...')}..."
    return shown if argument.required else f"[{shown}]"


def _options(one: click.Command) -> list[click.Option]:
    return [p for p in one.params if isinstance(p, click.Option) and not set(p.opts) & set(_EVERYWHERE)]


def _is_setting(option: click.Option) -> bool:
    # Other commands have options of the same names, such as --trace-dir, which say something else.
    return any(one.path == _path(option) and _help(option)[0].startswith(one.description) for one in settings())


def _path(option: click.Option) -> str:
    return (option.name or "").replace("__", ".")


def _settings(commands: Iterable[tuple[str, click.Command]]) -> Iterator[str]:
    takers: dict[str, list[tuple[str, click.Option]]] = {}
    for name, one in commands:
        for option in filter(_is_setting, _options(one)):
            takers.setdefault(_path(option), []).append((name, option))
    titles = {"": "General", "search": "Search", "validation": "Validation", "data": "Data"}
    for section, title in titles.items():
        shown = [taken for setting in settings() if setting.section == section and (taken := takers.get(setting.path))]
        rows = [(*_row(taken[0][1], _defaults(taken)), codes(name for name, _ in taken)) for taken in shown]
        yield f"### {title}"
        yield table(("option", "value", "default", "what it does", "of"), rows)


def _defaults(taken: Iterable[tuple[str, click.Option]]) -> str:
    """Return the default of a setting, with the commands where it is another one."""
    (_, first), *others = taken
    differing = [f"`{name}`: {_default(option)}" for name, option in others if _default(option) != _default(first)]
    return "; ".join(filter(None, [_default(first), *differing]))


def _row(option: click.Option, default: str | None = None) -> tuple[str, ...]:
    told = _default(option) if default is None else default
    return codes((*option.opts, *option.secondary_opts)), _value(option), told, prose(_help(option)[0])


def _help(option: click.Option) -> tuple[str, str]:
    """Return an option's help, and the default that stands in it."""
    text, found, default = (option.help or "").partition("  [default: ")
    return re.sub(r"^(search|validation|data): ", "", text), default.removesuffix("]") if found else ""


def _default(option: click.Option) -> str:
    # What is not given is a sentinel in some versions of click, and None in others; a folder's help says its default.
    own = option.default if isinstance(option.default, (str, int, float)) and not option.is_flag else ""
    told = _help(option)[1] or str(own)
    # Some say in words what it depends on.
    return told if re.search("[a-z] |'", told) else code(told)


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return codes(map(str, option.type.choices))
    is_number = option.type.name.startswith(("float", "integer"))
    return code(option.metavar or ("NUMBER" if is_number else option.type.name.upper()))
