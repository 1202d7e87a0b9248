"""The ``new`` command: a package to start from, which works and passes the conformance kit as it is written."""

from __future__ import annotations

import ast
import importlib.util
import keyword
import re
import shlex
from pathlib import Path

import click
import importlib_metadata
from jinja2 import Environment, PackageLoader, StrictUndefined

from sparse_hub_core import __version__
from sparse_hub_core.cli.new_package import KINDS, Kind, NewPackage
from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.plugins import load_registry

LONGEST_NAME = 30
"""Longer ones would make lines that a formatter breaks."""


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder that the package's own is made in; the current one by default.",
)
def new(kind: Kind, name: str, output: Path) -> None:
    """Write a package sparse-hub-NAME with a masker or benchmark that works, its tests and a README."""
    wanted = NewPackage(kind, _identifier(name))
    _check_nothing_is_hidden(wanted)
    folder = output / wanted.distribution
    if folder.exists():
        raise UsageError(f"{folder} is there already; choose another name, or another place with --output.")
    texts = _rendered(wanted)
    _check_no_name_is_used_twice(wanted, texts)
    for place, text in texts.items():
        _write(folder / place, text)
    click.echo(f"Wrote {folder}: the {kind} is {wanted.module}. Next:")
    for command in (
        f"cd {shlex.quote(str(folder))}",
        'pip install -e ".[dev]"',
        f"sparse-hub check {wanted.name}",
        "pytest",
    ):
        click.echo(f"  {command}")


def _identifier(name: str) -> str:
    """Return the name as an identifier.

    Raises:
        UsageError: It makes none.
    """
    identifier = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", identifier) or keyword.iskeyword(identifier):
        raise UsageError(
            f"{name!r} names no Python module; use small letters, digits, '-' and '_', a letter first, "
            "and no word of Python's own."
        )
    if len(identifier) > LONGEST_NAME:
        raise UsageError(f"{name!r} is too long; take at most {LONGEST_NAME} characters.")
    return identifier


def _check_nothing_is_hidden(wanted: NewPackage) -> None:
    """Check that nothing that is registered or installed would stand behind the new package.

    Raises:
        UsageError: One would.
    """
    registry = load_registry()
    # One of the other kind counts too: check and describe take a name without its kind.
    for table in (registry.maskers, registry.benchmarks):
        taken = table.claimants(wanted.name)
        if taken:
            owner = taken[0].provenance.distribution
            raise UsageError(f"The {table.kind} {wanted.name!r} is registered by {owner} already; choose another name.")
    if importlib.util.find_spec(wanted.package) is not None:
        raise UsageError(
            f"{wanted.name!r} would make a package {wanted.package}, which would hide the installed one of that name; "
            "choose another name."
        )
    if any(importlib_metadata.distributions(name=wanted.distribution)):
        raise UsageError(
            f"{wanted.name!r} would make a distribution {wanted.distribution}, which would replace the installed one "
            "of that name; choose another name."
        )


def _check_no_name_is_used_twice(wanted: NewPackage, texts: dict[str, str]) -> None:
    """Check that neither the classes nor the module take a name that their file or package uses for something else.

    Raises:
        UsageError: One does.
    """
    made = {f"{wanted.package}/__init__.py": {wanted.name}, wanted.module: wanted.classes}
    for place, names in made.items():
        hidden = {name for name in names if keyword.iskeyword(name)} or names & _other_names(texts[place])
        if hidden:
            raise UsageError(
                f"{wanted.name!r} would make a class or module {min(hidden)}, which is the name of something else in "
                f"{place}; choose another name."
            )


def _other_names(text: str) -> set[str]:
    """Return the names that a file imports, or gives to its functions."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def _rendered(wanted: NewPackage) -> dict[str, str]:
    """Return the text of each file."""
    environment = Environment(
        loader=PackageLoader("sparse_hub_core.cli"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    names = {name: getattr(wanted, name) for name in ("name", "distribution", "package", "class_name")}

    def render(template: str) -> str:
        return environment.get_template(f"{wanted.kind}/{template}").render(names, version=__version__)

    return {place: render(template) if template else "" for place, template in wanted.files.items()}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SparseHubError(f"{path} cannot be written: {error.strerror}; choose a place with --output.") from error
