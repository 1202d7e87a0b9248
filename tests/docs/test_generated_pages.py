"""The pages below docs/reference are those that the code makes today, and leave nothing out."""

from __future__ import annotations

import re

import click
import pytest
from pages import ROOT, page
from pydantic import BaseModel

from docs_generator.command_line import command
from docs_generator.configuration import EXAMPLE
from docs_generator.pages import FOLDER, generated_pages
from sparse_hub_core.cli.main import COMMANDS
from sparse_hub_core.plugins import load_registry
from sparse_hub_core.spec import Spec, build_spec


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return generated_pages()


def sections(text: str) -> dict[str, str]:
    """Return the parts of a page by their headings of the second level."""
    found = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_no_generated_page_is_stale(made: dict[str, str]) -> None:
    committed = {path.name: path.read_text() for path in (ROOT / "docs" / FOLDER).glob("*.md")}
    stale = sorted(name for name in made.keys() | committed.keys() if made.get(name) != committed.get(name))
    assert not stale, f"docs/{FOLDER} has stale pages ({', '.join(stale)}): run `nox -s docs` and commit what it writes"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_with_every_argument_and_option(name: str, made: dict[str, str]) -> None:
    parts = sections(made["command-line.md"])
    own, shared = parts[name], parts["Settings of a run"]
    for parameter in command(name).params:
        if isinstance(parameter, click.Argument):
            choices = isinstance(parameter.type, click.Choice) and "|".join(parameter.type.choices)
            (usage,) = re.findall(rf"^sparse-hub {name} .*$", own, re.MULTILINE)
            assert (choices or parameter.human_readable_name) in usage
        elif parameter.opts != ["--verbose"]:
            told = rf"^\| {', '.join(f'`{flag}`' for flag in (*parameter.opts, *parameter.secondary_opts))} \|"
            assert re.search(told, own, re.M) or re.search(rf"{told} .*`{name}`.*\|$", shared, re.M)
            assert parameter.help


def test_the_defaults_stand_in_the_table_of_settings(made: dict[str, str]) -> None:
    shared = sections(made["command-line.md"])["Settings of a run"]
    assert f"| `--num-samples` | `NUMBER` | `{Spec().num_samples}` |" in shared
    assert f"| `--density` | `NUMBER` | `{', '.join(map(str, Spec().densities))}` |" in shared
    assert f"| `{Spec().validation.max_requests}`; `validate`: the file's |" in shared


def test_every_setting_is_there_with_its_flag(made: dict[str, str]) -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|.*\| `(--[a-z-]+)` \|$", made["configuration.md"], re.MULTILINE)
    nested = {name: type(value).model_fields for name, value in Spec() if isinstance(value, BaseModel)}
    paths = {f"{name}.{key}" for name, fields in nested.items() for key in fields}
    assert {path for path, _ in rows} == paths | (set(Spec.model_fields) - nested.keys())
    flags = {option for parameter in command("run").params for option in parameter.opts}
    assert {flag for _, flag in rows} <= flags


def test_the_example_is_a_configuration_that_sets_what_it_says(tmp_path) -> None:
    path = tmp_path / "sparse-hub.toml"
    path.write_text(EXAMPLE)
    spec = build_spec({}, path)
    assert spec.model_fields_set >= {"search", "validation", "data", "search_options"}


def test_every_masker_and_every_task_is_there(made: dict[str, str]) -> None:
    ours = {name: sections(made[name]) for name in ("maskers.md", "benchmarks.md")}
    registry = load_registry()
    assert {entry.name for entry in registry.maskers} == ours["maskers.md"].keys()
    assert {entry.name for entry in registry.benchmarks} == ours["benchmarks.md"].keys()
    for entry in registry.benchmarks:
        assert re.findall(r"^\| `(\S+/\S+)`", ours["benchmarks.md"][entry.name], re.MULTILINE) == list(entry.tasks)


def test_nothing_of_this_machine_stands_in_a_page(made: dict[str, str]) -> None:
    for text in made.values():
        assert str(ROOT) not in text
        assert not re.search(r"\bobject at 0x|\bSentinel\b|typing\.", text)


def test_the_hand_written_pages_and_the_generated_ones_lead_to_each_other(made: dict[str, str]) -> None:
    for name in ("maskers.md", "benchmarks.md"):
        assert f"(reference/{name}" in page(name)
        assert f"(../{name})" in made[name]
