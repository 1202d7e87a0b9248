"""``sparse-hub new``: what it writes is clean, works, and passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparse_hub_core.cli.main import main

ROOT = Path(__file__).parent.parent.parent
ENTRY_POINTS = "[sparse_hub]\n{name} = sparse_hub_{name}\n"
# Reading torch's types takes half a minute and says nothing of the files that were written.
MYPY = """[mypy]
strict = True
[mypy-torch.*,transformers.*,pydantic.*,numpy.*]
follow_imports = skip
"""
METADATA = "Metadata-Version: 2.1\nName: sparse-hub-{name}\nVersion: 0.1.0\n"


def as_if_installed(folder: Path, name: str) -> dict[str, str]:
    """Lay beside the package what pip would, and return the environment that finds both."""
    info = folder / f"sparse_hub_{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(ENTRY_POINTS.format(name=name))
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def call(*command: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    process = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


KINDS = ("masker", "benchmark")
NAMES = ("tiny", "a_method_of_thirty_characters2")


@pytest.fixture(scope="module", params=[(kind, name) for kind in KINDS for name in NAMES], ids="-".join)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    kind, name = request.param
    output = tmp_path_factory.mktemp("new")
    assert main(["new", kind, name.replace("_", "-"), "--output", str(output)]) == 0
    return kind, name, next(output.iterdir())


def test_the_files_are_those_of_a_package(written: tuple[str, str, Path]) -> None:
    kind, name, folder = written
    assert folder.name == f"sparse-hub-{name.replace('_', '-')}"
    sample = {f"sparse_hub_{name}/sample/lookup.jsonl"} if kind == "benchmark" else set()
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == sample | {
        "README.md",
        "pyproject.toml",
        f"sparse_hub_{name}/__init__.py",
        f"sparse_hub_{name}/py.typed",
        f"sparse_hub_{name}/{name}.py",
        f"tests/test_{name}.py",
    }


def test_what_is_written_is_clean(written: tuple[str, str, Path]) -> None:
    *_, folder = written
    call("ruff", "check", "--no-cache", "--select", "E,F,W,I,B,UP,RUF,N,ANN,PT", ".", folder=folder)
    call("ruff", "format", "--no-cache", "--check", ".", folder=folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_typed(kind: str, tmp_path: Path) -> None:
    assert main(["new", kind, "mine", "--output", str(tmp_path)]) == 0
    folder = tmp_path / "sparse-hub-mine"
    (tmp_path / "mypy.ini").write_text(MYPY)
    options = ("--cache-dir", os.devnull, "--config-file", str(tmp_path / "mypy.ini"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    call("mypy", *options, "sparse_hub_mine", "tests", folder=folder, environment=environment)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_under_a_long_name_passes_its_tests(kind: str, tmp_path: Path) -> None:
    """The walks of the docs test what is written under a short one, by its tests and by check."""
    name = NAMES[-1]
    assert main(["new", kind, name, "--output", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    environment = as_if_installed(folder, name)
    told = call("pytest", "-q", "-W", "error", "-p", "no:cacheprovider", folder=folder, environment=environment)
    assert "passed" in told


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_commands_are_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", kind, "my-own"]) == 0
    told = capsys.readouterr().out
    assert f"the {kind} is sparse_hub_my_own/my_own.py" in told
    for line in ("cd sparse-hub-my-own", 'pip install -e ".[dev]"', "sparse-hub check my_own", "pytest"):
        assert f"  {line}\n" in told


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2fast", "'2fast' names no Python module"),
        ("a b", "'a b' names no Python module"),
        ("Mine", "'Mine' names no Python module"),
        ("lambda", "'lambda' names no Python module"),
        ("../up", "'../up' names no Python module"),
        ("x" * 31, "is too long; take at most 30 characters"),
        ("oracle-top-k", "The masker 'oracle_top_k' is registered by sparse-hub already"),
        ("ruler", "The benchmark 'ruler' is registered by sparse-hub already"),
        ("core", "'core' would make a package sparse_hub_core, which would hide the installed one"),
        ("maskers-builtin", "a package sparse_hub_maskers_builtin"),
        ("benchmarks-builtin", "a package sparse_hub_benchmarks_builtin"),
        *((name, f"a package sparse_hub_{name}") for name in ("pqcache", "hashattention", "magicpig")),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_names_are_refused(
    kind: str, name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", kind, name, "--output", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("masker", "size", "a class or module Size, which is the name of something else in sparse_hub_size/size.py"),
        ("masker", "growing-tensor", "a class or module GrowingTensor, which"),
        *(
            ("masker", name, f"a class or module {name.title()}, which")
            for name in ("mask", "masker", "layer", "domain", "none")
        ),
        ("masker", "class-var", "a class or module ClassVar, which"),
        ("masker", "register-maskers", "register_maskers, which is the name of something else in sparse_hub_register_"),
        *(
            ("benchmark", name, f"a class or module {name.title()}, which")
            for name in ("benchmark", "question", "request", "lengths", "any", "iterator")
        ),
        ("benchmark", "hub-dataset", "a class or module HubDataset, which"),
        ("benchmark", "register-benchmarks", "register_benchmarks, which is the name of something else in sparse_hub"),
    ],
)
def test_names_that_the_files_use_are_refused(
    kind: str, name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", kind, name, "--output", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_name_of_an_installed_distribution_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pip would take the one out for the other, whatever package is in it."""
    info = tmp_path / "site" / "Sparse_Hub_Mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Sparse_Hub.Mine\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(info.parent)
    assert main(["new", "masker", "mine", "--output", str(tmp_path / "out")]) == 2
    assert "'mine' would make a distribution sparse-hub-mine, which would replace" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sparse-hub-mine").mkdir()
    assert main(["new", "masker", "mine", "--output", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not list((tmp_path / "sparse-hub-mine").iterdir())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["new", "masker", "mine", "--output", str(tmp_path / "file" / "below")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["preset", "search-algorithm", "maskers"])
def test_other_kinds_are_refused(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", kind, "mine"]) == 2
    error = capsys.readouterr().err
    assert f"{kind!r} is not one of 'masker', 'benchmark'." in error
    assert len(error.splitlines()) == 1
