from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "suite"]
nox.options.reuse_existing_virtualenvs = True

HERE = Path(__file__).parent
# Two, as a slow test is a run with two workers of its own, which mostly wait for each other.
IN_PARALLEL = ("-n", "2", "--no-loadscope-reorder")
PLUGINS = sorted(path.parent for path in HERE.glob("plugins/*/pyproject.toml"))
PACKAGES = ["sparse_hub_core", "sparse_hub_maskers_builtin", "sparse_hub_benchmarks_builtin", "docs_generator"]


def install(session: nox.Session) -> None:
    """Everything this repository builds, editable, with the pinned versions of constraints.txt."""
    plugins = [argument for plugin in PLUGINS for argument in ("-e", str(plugin))]
    session.install("-c", "constraints.txt", "-e", ".[dev]", *plugins)


def check_types(session: nox.Session) -> None:
    """Strict types of the packages."""
    session.run("mypy", *PACKAGES, *(str(plugin / plugin.name.replace("-", "_")) for plugin in PLUGINS))


@nox.session
def suite(session: nox.Session) -> None:
    """Types and tests in one environment, as making another takes longer than checking the types."""
    install(session)
    check_types(session)
    session.run("pytest", *IN_PARALLEL, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite; `nox -s tests -- -m "not slow"` leaves out real Ray runs and real installs."""
    install(session)
    session.run("pytest", *IN_PARALLEL, *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """The conformance kit on every masker here, and on deliberately broken ones; part of `tests` too."""
    install(session)
    session.run("pytest", "tests/testing", *map(str, HERE.glob("plugins/*/tests/*_conformance.py")), *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install("-c", "constraints.txt", "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types of the packages."""
    install(session)
    check_types(session)


@nox.session
def docs(session: nox.Session) -> None:
    """The pages that are made of the code, and the site in site/."""
    install(session)
    session.run("python", "-m", "docs_generator")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def wheelhouse(session: nox.Session) -> None:
    """A folder with a wheel of every distribution here: `pip install --find-links wheelhouse ...`."""
    session.install("build")
    target = Path(session.posargs[0] if session.posargs else HERE / "wheelhouse")
    shutil.rmtree(target, ignore_errors=True)
    for project in (HERE, *PLUGINS):
        session.run("python", "-m", "build", "--wheel", "--outdir", str(target), str(project), silent=True)
    session.log(f"{len(list(target.iterdir()))} wheels in {target}")


@nox.session
def bench(session: nox.Session) -> None:
    """Timings, as ratios within one run."""
    install(session)
    for script in sorted(HERE.glob("benchmarks/*.py")):
        session.run("python", str(script), *session.posargs)
