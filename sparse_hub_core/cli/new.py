"""The ``new`` command: a package to start from, which works and passes the conformance kit as it is written."""

from __future__ import annotations

import ast
import importlib.util
import keyword
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click
import importlib_metadata
from jinja2 import Environment, PackageLoader, StrictUndefined

from sparse_hub_core import __version__
from sparse_hub_core.errors import SparseHubError, UsageError
from sparse_hub_core.plugins import load_registry

LONGEST_NAME = 30
"""Longer ones would make lines that a formatter breaks."""


@dataclass(frozen=True)
class NewMasker:
    """What the files of a new masker's package are called."""

    name: str
    """The registered name, which is also the module's."""

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return f"sparse-hub-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """What is imported."""
        return f"sparse_hub_{self.name}"

    @property
    def class_name(self) -> str:
        """The masker's class; its config has ``Config`` behind it."""
        return "".join(word[:1].upper() + word[1:] for word in self.name.split("_"))

    @property
    def files(self) -> dict[str, str]:
        """Each file and its template; a file without one is empty."""
        return {
            "pyproject.toml": "pyproject.toml.j2",
            "README.md": "README.md.j2",
            f"{self.package}/__init__.py": "__init__.py.j2",
            f"{self.package}/{self.name}.py": "method.py.j2",
            f"{self.package}/py.typed": "",
            f"tests/test_{self.name}.py": "test.py.j2",
        }


@click.command()
@click.argument("kind", type=click.Choice(["masker"]))
@click.argument("name")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder that the package's own is made in; the current one by default.",
)
def new(kind: str, name: str, output: Path) -> None:
    """Write a package sparse-hub-NAME with a masker that works, its tests and a README."""
    masker = NewMasker(_identifier(name))
    _check_nothing_is_hidden(masker)
    folder = output / masker.distribution
    if folder.exists():
        raise UsageError(f"{folder} is there already; choose another name, or another place with --output.")
    texts = _rendered(masker, kind)
    _check_no_name_is_used_twice(masker, texts)
    for place, text in texts.items():
        _write(folder / place, text)
    click.echo(f"Wrote {folder}: the method is {masker.package}/{masker.name}.py. Next:")
    for command in (
        f"cd {shlex.quote(str(folder))}",
        'pip install -e ".[dev]"',
        f"sparse-hub check {masker.name}",
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


def _check_nothing_is_hidden(masker: NewMasker) -> None:
    """Check that no masker, package or distribution that is installed would stand behind the new one.

    Raises:
        UsageError: One would.
    """
    taken = load_registry().maskers.claimants(masker.name)
    if taken:
        owner = taken[0].provenance.distribution
        raise UsageError(f"The masker {masker.name!r} is registered by {owner} already; choose another name.")
    if importlib.util.find_spec(masker.package) is not None:
        raise UsageError(
            f"{masker.name!r} would make a package {masker.package}, which would hide the installed one of that name; "
            "choose another name."
        )
    if any(importlib_metadata.distributions(name=masker.distribution)):
        raise UsageError(
            f"{masker.name!r} would make a distribution {masker.distribution}, which would replace the installed one "
            "of that name; choose another name."
        )


def _check_no_name_is_used_twice(masker: NewMasker, texts: dict[str, str]) -> None:
    """Check that neither the classes nor the module take a name that their file or package uses for something else.

    Raises:
        UsageError: One does.
    """
    made = {
        f"{masker.package}/__init__.py": {masker.name},
        f"{masker.package}/{masker.name}.py": {masker.class_name, f"{masker.class_name}Config"},
    }
    for place, names in made.items():
        hidden = {name for name in names if keyword.iskeyword(name)} or names & _other_names(texts[place])
        if hidden:
            raise UsageError(
                f"{masker.name!r} would make a class or module {min(hidden)}, which is the name of something else in "
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


def _rendered(masker: NewMasker, kind: str) -> dict[str, str]:
    """Return the text of each file."""
    environment = Environment(
        loader=PackageLoader("sparse_hub_core.cli"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    names = {name: getattr(masker, name) for name in ("name", "distribution", "package", "class_name")}
    return {
        place: environment.get_template(f"{kind}/{template}").render(names, version=__version__) if template else ""
        for place, template in masker.files.items()
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SparseHubError(f"{path} cannot be written: {error.strerror}; choose a place with --output.") from error
